"""Requests of random bytes, to every operation: whatever comes, the answer is no 5xx.

No schema guides these. Each lands on a route, so that all of it is read: headers that nobody sends,
bodies cut anywhere, queries that are no text. Whoever asks is an admin, to whom most is open.
"""

import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models import Role
from tests.fuzz import amount
from tests.people import People
from tests.wire import COOKIE, LEGACY_OPERATIONS, OPERATIONS

ALL = [*OPERATIONS, *LEGACY_OPERATIONS]
# Busy is an answer: the pool that hashes, and the one that decodes, say when they are full.
BUSY = 503

# No line break or NUL, which both parsers of uvicorn refuse themselves.
header_values = st.binary(max_size=60).map(lambda raw: raw.translate(None, b"\x00\r\n"))
names = st.sampled_from(
    [
        *(b"accept", b"origin", b"cookie", b"authorization", b"if-none-match", b"content-length"),
        *(
            b"x-request-id",
            b"user-agent",
            b"sec-fetch-site",
            b"x-forwarded-for",
            b"content-encoding",
        ),
        *(b"transfer-encoding", b"range", b"expect", b"accept-language", b"x-origin", b"te"),
    ]
)
media_types = st.sampled_from(
    [
        *(b"application/json", b"application/x-www-form-urlencoded", b"image/png", b"text/plain"),
        *(
            b"multipart/form-data; boundary=x",
            b"multipart/form-data",
            b"application/json; charset=x",
        ),
        *(b"", b"\xff/\xfe", b"application/problem+json"),
    ]
)
known = st.sampled_from(
    [
        *(b"{", b'{"uid": ', b'"\\ud800"', b'{"name": "\\u0000"}', b"null", b"1e999", b"[" * 3000),
        *(b"--x\r\n", b'Content-Disposition: form-data; name="uid"\r\n\r\n', b"--x--", b"uid=%ff"),
        *(
            b"=",
            b"&",
            b"%",
            b"%00",
            b"\x89PNG\r\n\x1a\n",
            b"GIF89a",
            b'{"pfp": "AAAA"}',
            b"9" * 5000,
        ),
    ]
)
chunks = st.lists(st.binary(max_size=20) | known, max_size=6)
text = st.text(max_size=12)


def new_uid() -> str:
    return f"boss{secrets.token_hex(6)}"


async def send(app: FastAPI, scope: dict[str, Any], body: list[bytes]) -> int:
    """Hand a request to the application as a server does; return the status of the answer."""
    messages: Iterator[dict[str, Any]] = iter(
        [{"type": "http.request", "body": chunk, "more_body": True} for chunk in body]
        + [{"type": "http.request", "body": b"", "more_body": False}]
    )
    statuses = []

    async def receive() -> dict[str, Any]:
        return next(messages, {"type": "http.disconnect"})

    async def note(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    server = {"type": "http", "http_version": "1.1", "scheme": "http", "root_path": ""}
    addresses = {"client": ("127.0.0.1", 1234), "server": ("localhost", 8086)}
    await app({"asgi": {"version": "3.0"}, **server, **addresses, **scope}, receive, note)
    assert len(statuses) == 1
    return int(statuses[0])


@settings(max_examples=amount.examples(ci=8, fuzz=2_000))
@given(
    filling=text,
    query=st.binary(max_size=40) | st.sampled_from([b"page=1&limit=0", b"cursor=%ff", b"q=%00"]),
    headers=st.lists(st.tuples(names, header_values), max_size=4),
    media_type=media_types,
    body=chunks,
)
async def test_no_bytes_break_an_operation(
    app: FastAPI,
    people: People,
    filling: str,
    query: bytes,
    headers: list[tuple[bytes, bytes]],
    media_type: bytes,
    body: list[bytes],
) -> None:
    admin = await people.create_and_log_in(new_uid(), role=Role.ADMIN)
    cookie = f"{COOKIE}={admin.cookies[COOKIE]}".encode()
    own = [(b"host", b"localhost:8086"), (b"cookie", cookie), (b"content-type", media_type)]
    for operation in ALL:
        path = operation.address(filling or "x")
        scope = {
            "method": operation.method,
            "path": path,
            "raw_path": quote(path, errors="replace").encode(),
            "query_string": query,
            "headers": [*own, *headers],
        }
        status = await send(app, scope, body)
        assert status < 500 or status == BUSY, (operation.id, status, scope, body)
