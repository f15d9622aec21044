"""The application as a whole: no request whatever gives a 5xx, on either database.

Each table of inputs meets every operation that the API describes, sent by somebody who may do all.
"""

import itertools
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI

from app import main
from app.models import Role
from tests.people import PASSWORD, People
from tests.wire import COOKIE, ONE_ENGINE, OPERATIONS, Operation, describe_api, visitor

TEXTS: dict[str, Any] = {
    "nul": "ada\u0000",
    "lone surrogate": "ada\ud800",
    "astral": "\U0001f600" * 10,
    "right to left": "\u202eada",
    "combining": "a" + "\u0301" * 60,
    "ligature that unfolds": "\ufdfa" * 64,
    "dotless": "\u0130\u0131\u017f\u1e9e",
    "very long": "x" * 200_000,
    "quotes": "'\"`;--\\%_",
    "format": "{0.__class__} %s %n ${jndi:ldap://x}",
    "template": "{{ 7 * 7 }}<script>alert(1)</script>",
    "line break": "a\r\nSet-Cookie: x=y",
    "empty": "",
    "blank": " \t\n",
}
VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "zero": 0,
    "huge": 10**400,
    "negative": -(2**63) - 1,
    "fraction": 1e308,
    "list": [[], {}],
    "object": {"$ne": None},
    "nested": {"a": {"b": {"c": ["d"] * 100}}},
}
RAW: dict[str, bytes] = {
    "nothing": b"",
    "space": b" ",
    "not json": b"{uid: ada}",
    "cut off": b'{"uid": "ada", "pass',
    "trailing comma": b'{"uid": "ada",}',
    "trailing text": b'{"uid": "ada"} x',
    "not a number": b'{"uid": NaN, "password": -Infinity}',
    "twice the same name": b'{"uid": "a", "uid": "b", "password": "x", "password": 5}',
    "deep list": b"[" * 200_000,
    "deep object": b'{"uid":' * 50_000,
    "balanced deep": b"[" * 50_000 + b"]" * 50_000,
    "digits": b'{"uid": ' + b"9" * 5_000 + b"}",
    "exponent": b'{"uid": 1e99999}',
    "many names": json.dumps({f"n{number}": number for number in range(20_000)}).encode(),
    "surrogate in a name": b'{"\\ud800": 1, "uid\\u0000": 2}',
    "not utf-8": b'{"uid": "\xff\xfe\xed\xa0\x80"}',
    "utf-16": '{"uid": "ada", "password": "x"}'.encode("utf-16"),
    "utf-32": '{"uid": "ada"}'.encode("utf-32"),
    "byte order mark": b'\xef\xbb\xbf{"uid": "ada"}',
    "string": b'"ada"',
    "number": b"7",
    "null": b"null",
    "list": b"[{}]",
    "control characters": bytes(range(256)),
    "a form": b"uid=ada&password=x",
    "separators": b"&" * 5_000 + b"=" * 5_000 + b"%" * 500,
    "many fields": b"a=1&" * 5_000,
    "broken percents": b"username=%zz%&password=%ED%A0%80%00&token=%ff",
    "multipart": b'--x\r\nContent-Disposition: form-data; name="username"\r\n\r\na\xff\\ud800\r\n'
    b'--x\r\nContent-Disposition: form-data; name="token"; filename="f"\r\n\r\nb\r\n--x--\r\n',
    "multipart without a name": b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n",
    "multipart of noise": b"--x\r\n\r\n--x\r\n:\r\n\r\n--x--",
}
MEDIA_TYPES = [
    "application/json",
    "application/json; charset=utf-16",
    "application/problem+json",
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=undefined",
    "multipart/form-data; boundary=x",
    "multipart/form-data; boundary=x; charset=unicode_escape",
    "multipart/form-data; boundary=x; charset=undefined",
    "multipart/form-data; boundary=x; charset=punycode",
    "multipart/form-data; boundary=" + "x" * 5_000,
    "multipart/form-data",
    "text/plain",
    "application/xml",
    "/",
    ";;=;",
    "\u00fc/\u00fc",
    "",
]
SEGMENTS = [
    "%00",
    "%2F",
    "%2e%2e",
    "..%2f..%2fetc",
    "%FF",
    "%ED%A0%80",
    "%5C",
    "%0D%0A",
    "%25%30",
    "x" * 50_000,
    "\u00fc",
    "'; DROP TABLE user; --",
    "{uid}",
    "*",
    "-1",
    "99999999999999999999",
]
QUERIES = [
    b"\xff\xfe",
    b"q=%00",
    b"q=\x00",
    b"q=%ED%A0%80",
    b"q=%",
    b"q=" + b"%25" * 33,
    b"limit=9999999999999999999999",
    b"limit=NaN",
    b"limit=1&limit=2&limit=x",
    b"cursor=%00",
    b"cursor=AAAA",
    b"cursor=gICA7aCA",
    b"cursor=" + b"_" * 200,
    b"=&=&;;&&&",
    b"a=1&" * 5_000,
    b"x" * 50_000,
]
HEADERS: list[tuple[str, bytes]] = [
    ("Host", b"["),
    ("Host", b""),
    ("Host", b"\xff"),
    ("Host", b"a" * 5_000),
    ("Host", b"localhost:99999999999"),
    ("Origin", b"http://["),
    ("Origin", b"\xff\x00"),
    ("Sec-Fetch-Site", b"\xff"),
    ("Cookie", b"\xff=\xfe; ;;=;" + COOKIE.encode()),
    ("Cookie", COOKIE.encode() + b"=\xff\x00"),
    ("Cookie", COOKIE.encode() + b"=" + b"x" * 50_000),
    ("Cookie", b"a=b; " * 5_000),
    ("Authorization", b"\xff"),
    ("Authorization", b"Bearer \xed\xa0\x80"),
    ("Authorization", b"Bearer eyJhbGciOiJub25lIn0.e30."),
    ("Accept", b"\xff;q=\xff"),
    ("Accept", b"text/html;q=" + b"9" * 5_000),
    ("User-Agent", b"\x00\xff\r\nx"),
    ("X-Request-ID", b"\xff\x00"),
    ("X-Forwarded-For", b"\xff"),
    ("If-None-Match", b"\xff,W/"),
    ("Content-Length", b"9" * 5_000),
    ("Content-Length", b"\xff"),
    ("Transfer-Encoding", b"\xff"),
]


class Attacker:
    """Sends what no browser would, with every right: nothing is refused before it is read."""

    def __init__(self, app: FastAPI, cookie: bytes, spare: bytes) -> None:
        self._app = app
        self._cookie = cookie
        # What a log-out may end without ending the attack.
        self._spare = spare

    async def send(
        self,
        operation: Operation,
        *headers: tuple[str, bytes],
        path: str | None = None,
        query: bytes = b"",
        content: bytes = b"",
        address: str = "127.0.0.1",
    ) -> None:
        cookie = self._spare if operation.id == "auth-logout" else self._cookie
        given = dict([("Cookie", cookie), ("Content-Type", b"application/json"), *headers])
        async with visitor(
            self._app,
            address=address,
            scope={"query_string": query},
            headers=[(name.encode(), value) for name, value in given.items()],
        ) as client:
            answer = await client.request(
                operation.method, path or operation.address(), content=content
            )
        sent = (operation.id, path or "", query[:60], [*headers], content[:60])
        assert answer.status_code < 500, sent


@pytest.fixture
async def attacker(people: People, app: FastAPI) -> Attacker:
    await people.create("ada")
    await people.create("second", role=Role.ADMIN)
    boss = await people.create_and_log_in("boss", role=Role.ADMIN)
    clients = [boss, await people.log_in("boss")]
    return Attacker(app, *(f"{COOKIE}={client.cookies[COOKIE]}".encode() for client in clients))


TAKING_BODIES = [operation for operation in OPERATIONS if operation.media_type]
TAKING_FIELDS = [operation for operation in OPERATIONS if operation.takes_fields]
TAKING_PATHS = [operation for operation in OPERATIONS if "{" in operation.path]
# What is read before any route is read alike for all: a few of each kind stand for them.
SOME = {"auth-login", "auth-create_token", "auth-logout", "users-list_users", "users-update_me"}
SOME_OF_EACH = [operation for operation in OPERATIONS if operation.id in SOME]


def _bodies(operation: Operation) -> Iterator[bytes]:
    """Yield bodies with something nasty in all fields, and in each beside others that fit."""
    content = operation.description["requestBody"]["content"][operation.media_type]
    name = content["schema"]["$ref"].rpartition("/")[2]
    fields = describe_api()["components"]["schemas"][name]["properties"]
    fitting = {name: field["examples"][0] for name, field in fields.items() if "examples" in field}
    bodies = [
        {name: _for(name, value) for name in fields}
        for value in (*TEXTS.values(), *VALUES.values())
    ]
    bodies += [{**fitting, name: _for(name, value)} for value in TEXTS.values() for name in fields]
    for body in bodies:
        if operation.media_type == "application/json":
            yield json.dumps(body).encode()
        else:
            yield urlencode(body, errors="surrogatepass").encode()


def _for(field: str, value: Any) -> Any:
    """Return a value for a field; what is sent as a password is never sent as anything else."""
    return f"{value} too" if isinstance(value, str) and "password" in field else value


# As many guesses as the settings allow: a refusal by the throttle would look at nothing.
@pytest.mark.parametrize("settings_changes", [{"login_attempts": 1000}], ids=["no throttle"])
class TestNoServerError:
    @pytest.mark.parametrize("operation", TAKING_FIELDS, ids=lambda found: found.id)
    async def test_from_fields(self, attacker: Attacker, operation: Operation) -> None:
        kind = ("Content-Type", (operation.media_type or "").encode())
        for body in _bodies(operation):
            await attacker.send(operation, kind, content=body)

    @pytest.mark.process
    async def test_from_bodies(self, attacker: Attacker) -> None:
        for operation in TAKING_BODIES:
            kinds = [operation.media_type or ""]
            if kinds != ["application/json"]:
                kinds.append("multipart/form-data; boundary=x")
            for kind, body in itertools.product(kinds, RAW.values()):
                header = ("Content-Type", kind.encode())
                await attacker.send(operation, header, content=body)

    async def test_from_media_types(self, attacker: Attacker) -> None:
        for operation in TAKING_BODIES:
            for media_type in MEDIA_TYPES:
                header = ("Content-Type", media_type.encode())
                await attacker.send(operation, header, content=RAW["multipart"])

    async def test_from_paths(self, attacker: Attacker) -> None:
        for operation in TAKING_PATHS:
            for segment in SEGMENTS:
                await attacker.send(operation, path=operation.address(segment))

    async def test_from_queries(self, attacker: Attacker) -> None:
        for operation in SOME_OF_EACH:
            for query in QUERIES:
                await attacker.send(operation, query=query)

    async def test_from_headers(self, attacker: Attacker) -> None:
        for operation in SOME_OF_EACH:
            for header in HEADERS:
                await attacker.send(operation, header)

    async def test_from_addresses(self, attacker: Attacker) -> None:
        login = b'{"uid": "boss", "password": "%s"}' % PASSWORD.encode()
        for operation in SOME_OF_EACH:
            for address in ("", "x" * 200, "fe80::1%eth0", "\u00fc"):
                await attacker.send(operation, address=address, content=login)

    async def test_from_a_page_that_fails_too(self, app: FastAPI) -> None:
        headers = [(b"Accept", b"text/html"), (b"Host", b"["), (b"Cookie", b"\xff=;;")]
        scope = {"query_string": b"\xff", "path": "/%\u0000\ufffd"}
        async with visitor(app, scope=scope, headers=headers) as client:
            assert (await client.get("/")).status_code == 404


class TestApplication:
    def test_is_made_when_a_server_asks_for_it(self) -> None:
        assert isinstance(main.app, FastAPI)

    def test_has_no_other_names(self) -> None:
        with pytest.raises(AttributeError, match="no_such_thing"):
            _ = main.no_such_thing

    @ONE_ENGINE
    async def test_never_redirects_to_another_spelling(self, client: httpx.AsyncClient) -> None:
        for path in ("/healthz/", "/api/v1/users/", "/API/v1/users"):
            assert (await client.get(path, headers={"Host": "evil.example"})).status_code == 404
