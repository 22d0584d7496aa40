"""What can be checked of the installed packages without a network."""
