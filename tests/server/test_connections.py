"""app/connections: uvicorn's protocol with deadlines, in front of applications of these tests."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.middleware import security_headers
from tests.server.raw import HEAD, WHOLE, ask, connect, is_open, pause, serving, status, until

POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
DECLARED = POST + b"Content-Length: 1000\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


class Listener:
    """An application that reads the body, answers with it, and remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.headers: list[tuple[bytes, bytes]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.asked = asyncio.Event()
        self.body = b""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.headers = scope["headers"]
        self.asked.set()
        await self.go_on.wait()
        body, more = b"", True
        while more and scope["path"] != "/deaf":
            message = await receive()
            self.heard.append(message["type"])
            body += message.get("body", b"")
            more = message.get("more_body", False)
        body = self.body or body
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def app() -> Listener:
    return Listener()


@pytest.fixture
async def port(app: Listener) -> AsyncIterator[int]:
    async with serving(app) as server:
        yield server.port


class TestHeads:
    async def test_none(self, port: int) -> None:
        assert await ask(port, b"") == b""

    async def test_trickling(self, port: int, app: Listener) -> None:
        line = await connect(port)
        task = asyncio.create_task(line.trickle(*[b"X"] * 20, every=0.1))
        await line.send(HEAD)
        answer = await line.rest()
        task.cancel()
        await line.close()
        assert status(answer) == 408
        assert not app.asked.is_set()

    async def test_after_an_answer(self, port: int) -> None:
        line = await connect(port)
        await line.send(WHOLE)
        assert status(await line.answer()) == 200
        await line.send(b"GET")
        assert status(await line.rest()) == 408
        await line.close()

    async def test_empty_lines_for_ever(self, port: int) -> None:
        assert status(await ask(port, b"\r\n" * 40_000)) == 431

    @pytest.mark.parametrize(
        "head",
        [
            HEAD + b"X: " + b"a" * 200_000,
            HEAD + b"X: " + b"a" * 40_000 + b"\r\n\r\n",
            b"GET /" + b"a" * 200_000,
            HEAD + b"X: a\r\n" * 100 + b"\r\n",
            HEAD + b"X" * 200_000,
        ],
        ids=["a value", "a whole one", "a target", "many", "a name"],
    )
    async def test_too_large(self, port: int, app: Listener, head: bytes) -> None:
        assert status(await ask(port, head)) == 431
        assert not app.asked.is_set()

    async def test_as_large_as_may_be(self, port: int, app: Listener) -> None:
        head = HEAD + b"X: " + b"a" * 30_000 + b"\r\n" + b"Y: b\r\n" * 90 + b"\r\n"
        line = await connect(port)
        await line.send(head)
        assert status(await line.answer()) == 200
        await line.close()
        assert len(app.headers) == 92

    async def test_refusals_are_problem_details(self, port: int) -> None:
        head, _, body = (await ask(port, b"GET")).partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        assert lines[0] == "HTTP/1.1 408 Request Timeout"
        assert headers.items() >= security_headers(is_https=False).items()
        assert headers["Content-Type"] == "application/problem+json"
        assert headers["Connection"] == "close"
        assert int(headers["Content-Length"]) == len(body)
        assert json.loads(body)["type"] == "/problems#request-timeout"


class TestBodies:
    @pytest.mark.parametrize("head", [DECLARED, CHUNKED], ids=["declared", "chunked"])
    async def test_stopping(self, port: int, app: Listener, head: bytes) -> None:
        assert status(await ask(port, head + b"1\r\na\r\n")) == 408
        assert app.heard[-1] == "http.disconnect"

    @pytest.mark.parametrize(
        ("head", "piece"), [(DECLARED, b"a"), (CHUNKED, b"1\r\na\r\n")], ids=["declared", "chunked"]
    )
    async def test_trickling(self, port: int, app: Listener, head: bytes, piece: bytes) -> None:
        line = await connect(port)
        task = asyncio.create_task(line.trickle(head, *[piece] * 30, every=0.05))
        assert status(await line.rest()) == 408
        task.cancel()
        await line.close()
        assert app.heard[-1] == "http.disconnect"

    async def test_steady(self, port: int) -> None:
        line = await connect(port)
        await line.send(POST + b"Content-Length: 2000\r\n\r\n")
        # Longer than the head start, and faster than the slowest rate.
        await line.trickle(*[b"a" * 200] * 10, every=0.1)
        assert (await line.answer()).endswith(b"a" * 2000)
        await line.close()

    async def test_waiting_for_us(self, app: Listener) -> None:
        """A sender is not late when it is we who do not read on."""
        app.go_on.clear()
        size = 400_000
        async with serving(app, bytes_per_second=10_000_000) as server:
            line = await connect(server.port)
            await line.send(POST + f"Content-Length: {size}\r\n\r\n".encode() + b"a" * (size - 10))
            await pause(1)
            app.go_on.set()
            await line.send(b"a" * 10)
            assert len(await line.answer()) > size
            await line.close()

    @pytest.mark.parametrize(
        "rest",
        [b"1;" + b"a" * 200_000, b"1\r\na\r\n0\r\n" + b"X: a\r\n" * 40_000],
        ids=["an extension", "trailers"],
    )
    async def test_more_around_it_than_in_it(self, port: int, rest: bytes) -> None:
        assert status(await ask(port, CHUNKED + rest)) == 400

    async def test_trailers_are_no_headers(self, port: int, app: Listener) -> None:
        line = await connect(port)
        await line.send(CHUNKED + b"1\r\na\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
        assert status(await line.answer()) == 200
        await line.close()
        assert [name for name, _ in app.headers] == [b"host", b"transfer-encoding"]

    async def test_going_on_after_the_answer(self, port: int) -> None:
        line = await connect(port)
        await line.send(DECLARED.replace(b"POST /", b"POST /deaf") + b"a")
        assert status(await line.answer()) == 200
        task = asyncio.create_task(line.trickle(*[b"a"] * 100, every=0.1))
        assert await line.rest() == b""
        task.cancel()
        await line.close()

    async def test_left_out_after_all(self, port: int) -> None:
        """`Expect: 100-continue`, and then nothing."""
        answer = await ask(port, DECLARED[:-2] + b"Expect: 100-continue\r\n\r\n")
        first, _, second = answer.partition(b"\r\n\r\n")
        assert (status(first), status(second)) == (100, 408)


class TestReaders:
    async def test_not_reading(self, app: Listener) -> None:
        app.body = b"a" * 8_000_000
        async with serving(app, bytes_per_second=10_000_000) as server:
            line = await connect(server.port, window=4096)
            await line.send(WHOLE)
            await app.asked.wait()
            await until(lambda: not server.connections)
            assert len(await line.rest()) < len(app.body)
            await line.close()

    async def test_reading_slowly(self, port: int, app: Listener) -> None:
        app.body = b"a" * 4_000_000
        line = await connect(port, window=65536)
        await line.send(WHOLE)
        await pause(1.5)
        assert (await line.answer()).endswith(app.body)
        await line.close()


class TestPipelining:
    async def test_answers_in_order(self, port: int) -> None:
        line = await connect(port)
        bodies = [b"one", b"two", b"six"]
        await line.send(b"".join(POST + b"Content-Length: 3\r\n\r\n" + body for body in bodies))
        assert [(await line.answer())[-3:] for _ in bodies] == bodies
        await line.close()

    async def test_too_many(self, port: int, app: Listener) -> None:
        app.go_on.clear()
        assert await ask(port, WHOLE * 20) == b""
        app.go_on.set()

    async def test_refusal_is_not_the_answer_to_another(self, port: int, app: Listener) -> None:
        app.go_on.clear()
        assert await ask(port, WHOLE + b"junk\r\n\r\n") == b""
        app.go_on.set()

    async def test_upgrade_is_the_last(self, port: int) -> None:
        upgrade = b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n\r\n"
        answer = await ask(port, HEAD + upgrade + WHOLE)
        assert answer.count(b"HTTP/1.1 ") == 1
        assert status(answer) == 200


class TestStopping:
    """What holds when a server drains; workers and nodes that do are in test_workers.py."""

    async def test_idle_is_left_open_and_its_next_answer_is_the_last(self, app: Listener) -> None:
        async with serving(app) as server:
            line = await connect(server.port)
            await line.send(WHOLE)
            assert b"connection: close" not in (await line.answer()).lower()
            server.watch.is_draining = True
            server.stop()
            await until(lambda: not is_open(server.port))
            await line.send(WHOLE)
            answer = await line.rest()
            assert status(answer) == 200
            assert b"connection: close" in answer.lower()
            await line.close()

    async def test_whoever_has_sent_nothing_is_as_good_as_idle(self, app: Listener) -> None:
        async with serving(app, header_seconds=100, body_seconds=0.4, keep_alive=1) as server:
            line = await connect(server.port)
            await until(lambda: server.connections == 1)
            server.watch.is_draining = True
            server.stop()
            assert await line.rest() == b""
            await line.close()

    async def test_an_answer_on_its_way_is_finished(self, app: Listener) -> None:
        app.go_on.clear()
        async with serving(app) as server:
            line = await connect(server.port)
            await line.send(WHOLE)
            await app.asked.wait()
            server.watch.is_draining = True
            server.stop()
            await until(lambda: not is_open(server.port))
            app.go_on.set()
            answer = await line.rest()
            assert status(answer) == 200
            assert b"connection: close" in answer.lower()
            await line.close()

    async def test_in_a_hurry_idle_is_closed(self, app: Listener) -> None:
        async with serving(app) as server:
            line = await connect(server.port)
            await line.send(WHOLE)
            await line.answer()
            server.stop()
            assert await line.rest() == b""
            await line.close()


class TestTooMany:
    async def test_longest_silent_makes_room(self, app: Listener) -> None:
        async with serving(app, header_seconds=60, connections=10) as server:
            lines = [await connect(server.port) for _ in range(10)]
            await until(lambda: server.connections == 10)
            newcomer = await connect(server.port)
            await newcomer.send(WHOLE)
            assert status(await newcomer.answer()) == 200
            assert await lines[0].rest() == b""
            await lines[9].send(WHOLE)
            assert status(await lines[9].answer()) == 200
            for line in [*lines, newcomer]:
                await line.close()

    async def test_none_that_could_make_room(self, app: Listener) -> None:
        app.go_on.clear()
        async with serving(app, connections=10) as server:
            lines = [await connect(server.port) for _ in range(10)]
            for line in lines:
                app.asked.clear()
                await line.send(WHOLE)
                await app.asked.wait()
            for _ in range(3):
                answer = await ask(server.port, WHOLE)
                assert status(answer) == 503
                assert b"Retry-After: 2" in answer
            app.go_on.set()
            for line in lines:
                assert status(await line.answer()) == 200
                await line.close()
