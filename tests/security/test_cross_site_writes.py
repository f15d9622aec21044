"""Cross-site request forgery: every operation that writes, sent by a page of another site.

The visitor is logged in, with the cookie at hand, or is nobody yet: to be logged in to a stranger's
account, or out of one's own, is an attack too. That the same requests are taken from our own pages
is what test_permissions.py shows. Which origins are allowed is in tests/test_origins.py, what they
may read in tests/test_cors.py; the rule's reasons are in docs/decisions/0006.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.security.asking import ask, holds_no_secret
from tests.security.conftest import Stage
from tests.security.operations import Operation, list_operations
from tests.security.school import dump
from tests.wire import ONE_ENGINE

pytestmark = ONE_ENGINE

EVIL = "https://evil.example"
WRITES = [found for found in list_operations() if not found.is_safe]
PAGES = [found for found in WRITES if found.is_page]
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_TEXT = {"Content-Type": "text/plain;charset=UTF-8"}
_MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}
_CROSS = {"Sec-Fetch-Site": "cross-site"}


@dataclass(frozen=True)
class Trick:
    """How a page of another site makes the visitor's browser send something."""

    name: str
    headers: Mapping[str, str]
    content: bytes | None = None

    def __str__(self) -> str:
        return self.name


_URLENCODED = b"uid=ada&username=ada&password=x&role=admin&uid=newcomer"
_AS_TEXT = b'{"uid":"ada","role":"admin","x":"="}'
_PARTS = b'--b\r\nContent-Disposition: form-data; name="uid"\r\n\r\nada\r\n--b--\r\n'
TRICKS = [
    Trick("form", {"Origin": EVIL, **_CROSS, "Sec-Fetch-Mode": "navigate", **_FORM}, _URLENCODED),
    Trick("form, old browser", {"Origin": EVIL, **_FORM}, _URLENCODED),
    Trick("form from a sandboxed frame", {"Origin": "null", **_CROSS, **_FORM}, _URLENCODED),
    Trick("form from a file, old browser", {"Origin": "null", **_FORM}, _URLENCODED),
    Trick("text", {"Origin": EVIL, **_CROSS, "Sec-Fetch-Mode": "no-cors", **_TEXT}, _AS_TEXT),
    Trick("text, old browser", {"Origin": EVIL, **_TEXT}, _AS_TEXT),
    Trick("text of nobody's, old browser", {"Origin": "null", **_TEXT}, _AS_TEXT),
    Trick("multipart", {"Origin": EVIL, **_CROSS, **_MULTIPART}, _PARTS),
    Trick("multipart, old browser", {"Origin": "null", **_MULTIPART}, _PARTS),
    Trick("beacon", {"Origin": EVIL, **_CROSS, "Sec-Fetch-Dest": "empty", **_TEXT}, _AS_TEXT),
    Trick("beacon without a body", {"Origin": EVIL, **_CROSS}, b""),
    Trick("what the operation takes", {"Origin": EVIL, **_CROSS}),
    Trick("what the operation takes, old browser", {"Origin": EVIL}),
    Trick("what it takes, from nobody", {"Origin": "null"}),
    Trick("without an Origin", _CROSS),
    Trick("an empty Origin", {"Origin": ""}),
    Trick(
        "a sub-domain", {"Origin": "http://evil.localhost.example", "Sec-Fetch-Site": "same-site"}
    ),
    Trick("a neighbour without an Origin", {"Sec-Fetch-Site": "same-site"}),
    Trick("an unknown relation", {"Origin": EVIL, "Sec-Fetch-Site": "friendly"}),
    Trick("an unknown relation alone", {"Sec-Fetch-Site": "SAME-ORIGIN"}),
    Trick("two relations", {"Origin": EVIL, "Sec-Fetch-Site": "same-origin, cross-site"}),
    Trick("user info", {"Origin": "http://localhost:8086@evil.example"}),
    Trick("our name in theirs", {"Origin": "http://localhost:8086.evil.example"}),
    Trick("our name as a label", {"Origin": "http://localhost.evil.example:8086"}),
    Trick("our name behind theirs", {"Origin": "http://evillocalhost:8086"}),
    Trick("a list", {"Origin": f"http://localhost:8086 {EVIL}"}),
    Trick("another scheme", {"Origin": "ftp://localhost:8086"}),
    Trick("capitals", {"Origin": "HTTP://LOCALHOST:8086"}),
    Trick("a dot at the end", {"Origin": "http://localhost.:8086"}),
    Trick("punycode", {"Origin": "http://xn--lcalhost-9of:8086"}),
    Trick("a file", {"Origin": "file://"}),
]


async def send(stage: Stage, operation: Operation, column: str, trick: Trick) -> None:
    changes: dict[str, Any] = {}
    if trick.content is not None:
        changes = dict.fromkeys(("json", "data", "files"), None)
        changes["content"] = trick.content
    answer = await ask(stage.app, stage.school, operation, column, headers=trick.headers, **changes)
    attack = f"{operation} by {column}"
    assert answer.status_code == 403, attack
    assert "set-cookie" not in answer.headers, attack
    assert not any(name.startswith("access-control-") for name in answer.headers), attack
    holds_no_secret(stage.school, column, operation, answer)


class TestOtherSites:
    @pytest.mark.parametrize("trick", TRICKS, ids=str)
    async def test_write_nothing(self, stage: Stage, trick: Trick) -> None:
        for operation in WRITES:
            for column in ("anonymous", "admin"):
                await send(stage, operation, column, trick)
        assert await dump(stage.resources) == stage.school.rows


class TestAllowedFrontEnds:
    """They call the API; the forms of our pages are for our pages alone."""

    @pytest.mark.parametrize("site", ["same-site", "cross-site", None])
    async def test_cannot_send_the_forms_of_pages(self, stage: Stage, site: str | None) -> None:
        relation = {"Sec-Fetch-Site": site} if site else {}
        trick = Trick("", {"Origin": "http://localhost:4100", **relation})
        for operation in PAGES:
            await send(stage, operation, "admin", trick)
        assert await dump(stage.resources) == stage.school.rows


class TestMethods:
    """A safe method stays one, whatever a header, a field or the address says it is."""

    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
    async def test_that_are_safe_change_nothing(self, stage: Stage, method: str) -> None:
        override = {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"}
        for operation in list_operations():
            for spelling in operation.spellings:
                asked = Operation(method, operation.path, (spelling,))
                answer = await ask(
                    stage.app,
                    stage.school,
                    asked,
                    "admin",
                    spelling=spelling,
                    headers={**override, **_CROSS, "Origin": EVIL},
                    params={"_method": "DELETE", "done": "x"},
                )
                assert answer.status_code < 500, f"{method} {spelling}"
        assert await dump(stage.resources) == stage.school.rows

    @pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "QUERY"])
    async def test_that_nobody_knows_are_writes(self, stage: Stage, method: str) -> None:
        for operation in list_operations():
            await send(
                stage,
                Operation(method, operation.path, operation.spellings),
                "admin",
                Trick("", {"Origin": EVIL, **_CROSS}),
            )
        assert await dump(stage.resources) == stage.school.rows
