"""Forms of a million fields: refused by their length, before anybody takes them apart.

What reads a form is Python, and a megabyte of `&` kept it busy for half a second: for nobody's
login, and everybody else waited.
"""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.middleware import MAX_FORM_BYTES
from tests.wire import ONE_ENGINE, PROBLEM

KINDS = ["application/x-www-form-urlencoded", " Multipart/Form-Data; boundary=x"]
# Nothing but what separates fields, or stands in front of them: not wrong before its end.
JUST = {KINDS[0]: b"&" * MAX_FORM_BYTES, KINDS[1]: b"\r\n" * (MAX_FORM_BYTES // 2)}


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@ONE_ENGINE
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", ["/login", "/signup", "/setup", "/api/v1/auth/token"])
class TestForms:
    async def test_too_long(self, client: httpx.AsyncClient, path: str, kind: str) -> None:
        for content in (JUST[kind] + b"\n", pieces(JUST[kind], b"\n")):
            answer = await client.post(path, content=content, headers={"Content-Type": kind})
            assert answer.status_code == 413
            assert answer.headers["Content-Type"] == PROBLEM

    async def test_just_not(self, client: httpx.AsyncClient, path: str, kind: str) -> None:
        for content in (JUST[kind], pieces(JUST[kind])):
            answer = await client.post(path, content=content, headers={"Content-Type": kind})
            assert answer.status_code in {400, 404, 422}


@ONE_ENGINE
@pytest.mark.parametrize("settings_changes", [{"max_body_bytes": 1024}], ids=["short-bodies"])
async def test_a_lower_limit_of_all_bodies_holds_for_them(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": KINDS[0]}
    for content in (b"&" * 1025, pieces(b"&" * 1000, b"&" * 25)):
        assert (await client.post("/login", content=content, headers=headers)).status_code == 413
