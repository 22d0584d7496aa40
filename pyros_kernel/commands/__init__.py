"""What the longer commands of ``pyros …`` do; each is imported when it is called, so that the others start at once."""
