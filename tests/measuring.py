"""What coverage leaves out: ways through our code that other tests take as well.

To watch every line doubles the time of a test. So the API's tests are watched on one of the two
engines, which they take the same ways on; those of the use cases and below, where the engines
differ, on both. Fuzzing is there for what it sends, and servers that are attacked or that a browser
opens, for what they answer: neither is watched.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import coverage
import pytest

_TESTS = Path(__file__).parent
_API = frozenset({"legacy", "routers", "security"})
_SERVED = frozenset({"browser", "fuzz", "security"})


@contextmanager
def once(item: pytest.Item) -> Iterator[None]:
    """While a test runs, measure what no other test does; nothing, if coverage is not asked for."""
    watching = coverage.Coverage.current()
    with ExitStack() as stack:
        if watching is not None and item.path.relative_to(_TESTS).parts[0] in _SERVED:
            stack.enter_context(_servers_unwatched())
        if watching is not None and _is_repetition(item):
            watching.stop()
            stack.callback(watching.start)
        yield


def _is_repetition(item: pytest.Item) -> bool:
    folder, *below = item.path.relative_to(_TESTS).parts
    chosen = getattr(item, "callspec", None)
    engine = chosen.params.get("engine") if chosen is not None else None
    # The importer is a use case, and deals with numbers that PostgreSQL gives otherwise.
    is_api = folder in _API and below[0] != "importer"
    return folder == "fuzz" or (is_api and engine == "postgresql")


@contextmanager
def _servers_unwatched() -> Iterator[None]:
    """Take away by what processes know that they are measured."""
    taken = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith("COVERAGE_")}  # noqa: TID251
    try:
        yield
    finally:
        os.environ.update(taken)  # noqa: TID251
