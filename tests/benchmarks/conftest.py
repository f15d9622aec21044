"""A server of the tests' own whose answers they choose, and a run as it is kept."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from benchmarks import load
from benchmarks.scenarios import SCENARIOS
from tests.conftest import missing

# From a request's body to a status and a body.
Answers = Callable[[bytes], tuple[int, bytes]]
Serve = Callable[[Answers], int]


class QuietServer(ThreadingHTTPServer):
    """Minds no client that leaves in the middle, as wrk does at its end."""

    daemon_threads = True
    request_queue_size = 32

    def handle_error(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def wrk() -> None:
    """The program that makes the load."""
    try:
        load.require_wrk()
    except load.NoLoad:
        missing("wrk is not installed")


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve answers of a test's own and return the port."""
    running: list[ThreadingHTTPServer] = []

    def start(answers: Answers) -> int:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                status, body = answers(self.rfile.read(length))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer  # noqa: N815  (the library's names)

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

        server = QuietServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        running.append(server)
        port: int = server.server_address[1]
        return port

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def kept() -> dict[str, Any]:
    """A run in which everything was measured and every figure is 10, or 20 where it is ours."""
    measures: dict[str, dict[str, float]] = {}
    for scenario in SCENARIOS:
        for entry in scenario.entries:
            figure = 20.0 if entry.startswith("ours") else 10.0
            figures = dict.fromkeys(("rps", "p50", "p99", "cpu", "grown"), figure)
            measures[f"{scenario.name}/{entry}"] = figures
    for name in ("quiet/ours:who-bearer", "busy/ours:who-bearer"):
        measures[name] = {"p50": 1.0, "p99": 2.0}
    measures["busy/ours:login"] = {"rps": 18.0}
    measures["start/ours"] = {"rss": 80.0, "pss": 70.0}
    measures["started/ours"] = {"seconds": 0.9}
    return {
        "date": "2026-11-27",
        "rounds": 3,
        "machine": {"Processor": "one of two cores"},
        "measures": measures,
    }
