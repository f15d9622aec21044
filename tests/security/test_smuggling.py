"""Requests that two servers would read in two ways: refused, and never a second one in them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.process import RunningServer
from tests.server.raw import ask, status

HOST = b"Host: localhost\r\n"
POST = b"POST /api/v1/users HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(HIDDEN)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
EMPTY = b"\r\n0\r\n\r\n" + HIDDEN

FRAMING = {
    "a length and an encoding": POST + LENGTH + CHUNKED + EMPTY,
    "an encoding and a length": POST + CHUNKED + LENGTH + EMPTY,
    "two lengths": POST + b"Content-Length: 0\r\n" + LENGTH + b"\r\n" + HIDDEN,
    "one length twice": POST + LENGTH + LENGTH + b"\r\n" + HIDDEN,
    "a list of lengths": POST + b"Content-Length: 0, 43\r\n\r\n" + HIDDEN,
    "a length with a sign": POST + b"Content-Length: +0\r\n\r\n" + HIDDEN,
    "a negative length": POST + b"Content-Length: -1\r\n\r\n" + HIDDEN,
    "a length in hex": POST + b"Content-Length: 0x0\r\n\r\n" + HIDDEN,
    "a length with a line below": POST + b"Content-Length: 1_0\r\n\r\n" + HIDDEN,
    "a length that overflows": POST + b"Content-Length: 18446744073709551616\r\n\r\n" + HIDDEN,
    "an empty length": POST + b"Content-Length: \r\n\r\n" + HIDDEN,
    "a space before the colon": POST + b"Content-Length : 43\r\n\r\n" + HIDDEN,
    "an unknown encoding": POST + b"Transfer-Encoding: xchunked\r\n" + EMPTY,
    "an encoding before chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n" + EMPTY,
    "chunked before another": POST + b"Transfer-Encoding: chunked, identity\r\n" + EMPTY,
    "two lines, chunked first": POST + CHUNKED + b"Transfer-Encoding: identity\r\n" + EMPTY,
    "two lines, chunked last": POST + b"Transfer-Encoding: identity\r\n" + CHUNKED + EMPTY,
    "chunked twice": POST + CHUNKED + CHUNKED + EMPTY,
    "no encoding": POST + b"Transfer-Encoding: \r\n" + EMPTY,
    "chunked with a parameter": POST + b"Transfer-Encoding: chunked;a=b\r\n" + EMPTY,
    "chunked in quotes": POST + b'Transfer-Encoding: "chunked"\r\n' + EMPTY,
    "a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n" + EMPTY,
    "a folded encoding": POST + b"Transfer-Encoding:\r\n chunked\r\n" + EMPTY,
    "a folded length": POST + b"Content-Length:\r\n 43\r\n\r\n" + HIDDEN,
    "a name with a line below": POST + b"Transfer_Encoding\x00: chunked\r\n" + EMPTY,
    "chunked in HTTP/1.0": POST.replace(b"1.1", b"1.0") + CHUNKED + EMPTY,
    "a body on the way to an upgrade": POST
    + b"Connection: upgrade\r\nUpgrade: h2c\r\n"
    + LENGTH
    + b"\r\n"
    + HIDDEN,
}
CHUNKS = {
    "hex with its prefix": b"0x2\r\n{}\r\n0\r\n\r\n",
    "a space": b"2 \r\n{}\r\n0\r\n\r\n",
    "a sign": b"+2\r\n{}\r\n0\r\n\r\n",
    "a negative one": b"-2\r\n{}\r\n0\r\n\r\n",
    "an overflow": b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "bare line feeds": b"2\n{}\n0\n\n",
    "a line feed after an extension": b"2;a\n{}\r\n0\r\n\r\n",
    "a carriage return in an extension": b"2;a\rb\r\n{}\r\n0\r\n\r\n",
    "nothing after a chunk": b"2\r\n{}0\r\n\r\n",
    "more than was said": b"2\r\n{}{}\r\n0\r\n\r\n",
    "no size": b"\r\n{}\r\n0\r\n\r\n",
    "a folded trailer": b"0\r\nX: a\r\n b\r\n\r\n",
}
HEADS = {
    "bare line feeds": b"GET /healthz HTTP/1.1\nHost: localhost\n\n",
    "a bare line feed between": GET + b"X: a\nY: b\r\n\r\n",
    "a bare carriage return": GET + b"X: a\rY: b\r\n\r\n",
    "a folded line": GET + b"X: a\r\n b\r\n\r\n",
    "a folded first line": b"GET /healthz HTTP/1.1\r\n Host: localhost\r\n\r\n",
    "NUL in a value": GET + b"X: a\x00b\r\n\r\n",
    "a terminal's command in a value": GET + b"X: \x1b[2J\r\n\r\n",
    "NUL in a name": GET + b"X\x00Y: a\r\n\r\n",
    "NUL in the target": b"GET /\x00 HTTP/1.1\r\n" + HOST + b"\r\n",
    "bytes in the target": b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n",
    "a control character in the target": b"GET /\x01 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a space in the target": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "no name": GET + b": a\r\n\r\n",
    "no colon": GET + b"X\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two hosts": GET + b"Host: evil.example\r\n\r\n",
    "one host twice": GET + HOST + b"\r\n",
    "an absolute target": b"GET http://evil.example/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "our own absolute target": b"GET http://localhost/healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "another scheme": b"GET file:///etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n",
    "an authority": b"GET evil.example:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "CONNECT": b"CONNECT evil.example:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "CONNECT and more": b"CONNECT evil.example:80 HTTP/1.1\r\n" + HOST + b"\r\n" + HIDDEN,
    "an asterisk": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "a backslash": b"GET \\healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "HTTP/2 without asking": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/2 by name": b"GET /healthz HTTP/2.0\r\n" + HOST + b"\r\n",
    "HTTP/1.2": b"GET /healthz HTTP/1.2\r\n" + HOST + b"\r\n",
    "a method in small letters": b"get /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "an unknown method": b"JUNK /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "tabs": b"GET\t/healthz\tHTTP/1.1\r\n" + HOST + b"\r\n",
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40,
    "zeros": b"\x00" * 5000,
}
_ALL = {
    **FRAMING,
    **{f"chunk: {name}": POST + CHUNKED + b"\r\n" + rest + HIDDEN for name, rest in CHUNKS.items()},
    **{f"head: {name}": head for name, head in HEADS.items()},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    changes = {"HEADER_SECONDS": "0.5", "BODY_SECONDS": "0.5"}
    with RunningServer(tmp_path_factory.mktemp("smuggling"), changes=changes) as running:
        yield running


@pytest.mark.parametrize("data", _ALL.values(), ids=_ALL.keys())
def test_refused(server: RunningServer, data: bytes) -> None:
    log = Path(server.log.name)
    before = log.stat().st_size
    answer = asyncio.run(ask(int(server.url.rpartition(":")[2]), data))
    assert status(answer) == 400
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answer.lower()
    assert b"smuggled" not in answer
    lines = log.read_bytes()[before:]
    assert b"smuggled" not in lines
    assert b"Traceback" not in lines
    assert b"status=5" not in lines


def test_sound_ones_are_served(server: RunningServer) -> None:
    """What stands next to the refused: the rules are no broader than they must be."""
    body = b"2;name=value\r\n{}\r\n0\r\nX-Trailer: a\r\n\r\n"
    port = int(server.url.rpartition(":")[2])
    close = b"Connection: close\r\n"
    for data, expected in (
        (GET + close + b"\r\n", 200),
        (b"\r\n" + GET + close + b"\r\n", 200),
        (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
        (GET.replace(b" /h", b" //h") + close + b"\r\n", 404),
        (POST + close + CHUNKED + b"\r\n" + body, 422),
        (POST + close + b"TRANSFER-ENCODING:\tChunked\r\n\r\n" + body, 422),
    ):
        assert status(asyncio.run(ask(port, data))) == expected, data
