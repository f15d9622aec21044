"""What is imported: a library that another would bring along, for what nobody here does, is not."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without_module(name: str) -> Iterator[None]:
    """Import what goes on without a module, and let it find that module missing.

    Whoever has imported it already, or does so later, is none the worse for it.
    """
    modules: dict[str, Any] = sys.modules
    if name in modules:
        yield
        return
    # What is None there cannot be imported.
    modules[name] = None
    try:
        yield
    finally:
        del modules[name]
