"""A reverse proxy for tests: hands requests on, and spoils what a test tells it to."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Habits:
    """What a proxy does besides handing on: to a request's headers, to an answer's, by itself."""

    request: Callable[[Headers], Headers] = list
    answer: Callable[[Headers], Headers] = list
    # Methods that it answers by itself, with a status.
    own: tuple[tuple[str, int], ...] = ()
    location: str = ""


@contextmanager
def proxying(
    backend: str, habits: Habits | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Run a proxy in front of a server; yield its address."""
    habit = habits or Habits()

    class Handler(BaseHTTPRequestHandler):
        def _hand_on(self) -> None:
            status = dict(habit.own).get(self.command)
            if status is not None:
                location = [("Location", habit.location)] if habit.location else []
                self._answer(status, location, b"")
                return
            length = int(self.headers.get("content-length", "0"))
            answer = httpx.request(
                self.command,
                f"{backend}{self.path}",
                headers=habit.request(list(self.headers.items())),
                content=self.rfile.read(length),
            )
            hop = {"content-length", "transfer-encoding", "connection"}
            kept = [
                (name, value) for name, value in answer.headers.multi_items() if name not in hop
            ]
            self._answer(answer.status_code, habit.answer(kept), answer.content)

        do_GET = do_POST = do_OPTIONS = _hand_on  # noqa: N815  (the names the library calls)

        def _answer(self, status: int, headers: Headers, body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("localhost", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
            # A browser that refuses the certificate ends the connection; that is the test.
            server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a test's server
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        scheme = "https" if tls else "http"
        yield f"{scheme}://localhost:{server.server_address[1]}"
        server.shutdown()
        thread.join()
