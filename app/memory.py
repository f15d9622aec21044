"""What the C library keeps of memory that it was given back.

A hash takes 19 MiB for a moment. glibc keeps them for the next one, which saves that a third of its
time, and keeps them for good: in a heap for each thread, which it never shrinks. So here all
threads share the one heap that can be shrunk, and whoever has needed much shrinks it when it is
quiet. Where there is another C library, all this does nothing.
"""

import ctypes
from contextlib import suppress

# From glibc's malloc.h.
_M_ARENA_MAX = -8


def share_one_heap() -> None:
    """Let threads that start from now on take memory where the first one does."""
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def give_back_memory() -> None:
    """Give the system what the C library holds and nobody uses."""
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
