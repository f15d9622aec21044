"""A real server in a process of its own, on a free port, with an instance of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.server.process import RunningServer

Start = Callable[..., RunningServer]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start servers in this test's folder; whatever still runs at the end is stopped."""
    started: list[RunningServer] = []

    def start_one(*command: str, **environment: str) -> RunningServer:
        server = RunningServer(tmp_path, command, environment)
        started.append(server)
        return server

    yield start_one
    for server in started:
        server.close()
