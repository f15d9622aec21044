"""How `portfolio doctor` asks: on real sockets, of servers that behave and of some that do not."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

import pytest

from app.doctor.asking import MOST_BYTES, NO_ANSWER, Answer, ask, knows_authorities
from tests.postgres import free_port

pytestmark = pytest.mark.process

OK = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def saying(*parts: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Answer one connection with these bytes; yield the address, and what was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(MOST_BYTES))
                try:
                    for part in parts:
                        connection.sendall(part)
                except OSError:
                    # Whoever asks has heard enough.
                    return

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        thread.join()


def get(url: str, timeout: float = 10) -> Answer:
    return ask(url, "/x", timeout=timeout)


class TestWhoeverDoesNotAnswer:
    def test_nobody(self) -> None:
        with pytest.raises(NO_ANSWER):
            get(f"http://127.0.0.1:{free_port()}")

    def test_is_waited_for_no_longer_than_said(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            with pytest.raises(TimeoutError):
                get(url, timeout=0.05)

    @pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", OK + b"X" * MOST_BYTES * 2])
    def test_speaks_no_http(self, said: bytes) -> None:
        with saying(said) as (url, _), pytest.raises(HTTPException):
            get(url)

    def test_name_that_no_host_has(self) -> None:
        with pytest.raises(UnicodeError):
            get(f"http://{'a' * 64}.example")


class TestAnswer:
    def test_redirect_is_told_and_not_followed(self) -> None:
        moved = b"HTTP/1.1 301 Moved\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"
        with saying(moved) as (url, _):
            answer = get(url)
        assert (answer.is_redirect, answer.is_success) == (True, False)
        assert answer.headers["location"] == "http://192.0.2.1/"

    @pytest.mark.parametrize(
        ("status", "is_success", "is_redirect"),
        [(200, True, False), (204, True, False), (300, False, True), (400, False, False)],
    )
    def test_kinds(self, status: int, *, is_success: bool, is_redirect: bool) -> None:
        with saying(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()) as (url, _):
            answer = get(url)
        assert (answer.is_success, answer.is_redirect) == (is_success, is_redirect)

    def test_values_of_several_lines(self) -> None:
        with saying(OK + b"vary: Origin, Cookie\r\nVary: ACCEPT\r\n\r\n") as (url, _):
            assert get(url).values("Vary") == ["origin", "cookie", "accept"]

    def test_in_pieces(self) -> None:
        with saying(
            OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n", b"1\r\n]\r\n0\r\n\r\n"
        ) as (
            url,
            _,
        ):
            assert get(url).json() == [1]

    @pytest.mark.parametrize("body", [b"", b"\xff", b"{"])
    def test_is_no_json(self, body: bytes) -> None:
        with saying(OK + b"\r\n" + body) as (url, _), pytest.raises(ValueError, match=r"line 1"):
            get(url).json()

    def test_without_an_end_is_read_so_far(self) -> None:
        with saying(OK + b"\r\n", *[b"x" * MOST_BYTES] * 200) as (url, _):
            assert len(get(url).text) == MOST_BYTES


class TestQuestion:
    def test_is_the_one_that_was_meant(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever proxy the environment names."""
        for name in ("http_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
        with saying(OK + b"Content-Length: 0\r\n\r\n") as (url, asked):
            ask(url, "/x?y", method="OPTIONS", headers={"Origin": "http://a.b"}, timeout=10)
        lines = asked[0].decode().split("\r\n")
        assert lines[0] == "OPTIONS /x?y HTTP/1.1"
        assert f"Host: {url.removeprefix('http://')}" in lines
        assert {"Origin: http://a.b", "Accept: */*", "Connection: close"} <= set(lines)


class TestAuthorities:
    @pytest.mark.parametrize(
        ("file", "folder", "known"),
        [
            ("none", "none", False),
            ("none", "empty", False),
            ("some", "none", True),
            ("none", "full", True),
        ],
    )
    def test_of_this_machine(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        file: str,
        folder: str,
        *,
        known: bool,
    ) -> None:
        (tmp_path / "empty").mkdir()
        (tmp_path / "full").mkdir()
        for path in ("some", "full/some"):
            (tmp_path / path).touch()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / file))
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / folder))
        assert knows_authorities() is known
