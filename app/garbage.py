"""When Python looks for garbage: not while the program gets ready.

What importing makes stays until the end. Python would look through all of it time and again, which
takes a quarter of the start, and once more whenever a server has made enough since.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# So many are new before Python looks among them: what some dozen requests have in hand is none.
_NEW_OBJECTS = 5_000


@contextmanager
def kept_for_good() -> Iterator[None]:
    """Take everything that is there when the block ends for something that stays."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(_NEW_OBJECTS)
        gc.enable()
