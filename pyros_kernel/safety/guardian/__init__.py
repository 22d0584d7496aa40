"""The guardian: a small process of its own that closes the dome when it is unsafe, or when the kernel is silent.

``python -m pyros_kernel.safety.guardian`` runs it.  It imports nothing but the standard library and the rules.
"""
