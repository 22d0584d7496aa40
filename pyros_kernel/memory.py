"""Memory that stays flat from night to night."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8  # of glibc's <malloc.h>
_ARENAS = 2
_M_MMAP_THRESHOLD = -3
_FRAME_BYTES = 256 * 1024  # what is larger is an image, or made of one


def share_arenas() -> None:
    """Let all threads of this process take their memory from two arenas, where the C library can be told so (glibc).

    By itself it makes one for nearly each thread, up to eight for each core, and pages that are pinned there by a small
    rest are never given back: a night starts hundreds of short threads, and each night left some 10 MB behind.
    It must come before the process has made nine arenas; later it changes nothing.

    Images get pages of their own, which go back as soon as nobody holds them.  By itself the library learns to keep
    blocks of their size (up to 32 MB) in the heap, where small things come to lie between them.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_M_ARENA_MAX, _ARENAS)
        library.mallopt(_M_MMAP_THRESHOLD, _FRAME_BYTES)
