"""Which tests `make unit` runs: those that need nothing but this process, memory and a file.

They are what mirrors `app/` below its routers. A test there that starts a process or uses a socket
says so with the mark `process`; one that does not say so fails.
"""

import sys
from pathlib import Path
from typing import Any

import pytest

_TESTS = Path(__file__).parent
_FOLDERS = frozenset({"services"})
_OUTSIDE = frozenset(
    {
        *("subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"),
        *("socket.bind", "socket.connect", "socket.sendto"),
    }
)
_gone_out: list[str] = []


def mark(item: pytest.Item) -> None:
    """Mark a test as a unit if it is one."""
    folder, *below = item.path.relative_to(_TESTS).parts
    chosen = getattr(item, "callspec", None)
    on_other_engine = chosen is not None and chosen.params.get("engine") == "postgresql"
    asks_for_it = "postgres_server" in getattr(item, "fixturenames", ())
    says_so = item.get_closest_marker("process") is not None
    goes_out = on_other_engine or asks_for_it or says_so
    if not goes_out and (not below or folder in _FOLDERS):
        item.add_marker("unit")


def watch() -> None:
    """Begin to note what leads out of this process, for as long as it lives."""
    sys.addaudithook(_note)


def take() -> list[str]:
    """Return what was noted since, and forget it."""
    noted, _gone_out[:] = [*_gone_out], []
    return noted


def _note(event: str, _arguments: tuple[Any, ...]) -> None:
    if event in _OUTSIDE:
        _gone_out.append(event)
