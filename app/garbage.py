"""When Python looks for garbage: not while the program gets ready.

What importing makes stays until the end. Python would look through all of it time and again, which
takes a quarter of the start, and once more whenever a server has made enough since.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_for_good() -> Iterator[None]:
    """Take everything that is there when the block ends for something that stays."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
