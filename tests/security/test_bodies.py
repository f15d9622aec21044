"""JSON that is none, values of another type, text that no database holds: each field of each body.

Every refusal has its exact status, changes nothing and repeats nothing of what was sent. That no
input of any kind gives a 5xx is in tests/test_main.py, the parser is in tests/test_strict_json.py.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.security.asking import ask
from tests.security.conftest import Stage
from tests.security.operations import Operation, list_operations
from tests.security.school import dump
from tests.wire import COOKIE, ONE_ENGINE, PROBLEM, describe_api, visitor

SECRET = "hush-hush-secret"
_SENT = json.dumps({"uid": "newcomer", "name": SECRET, "password": SECRET}).encode()[:-1]
NO_JSON = {
    "NaN": _SENT + b', "year": NaN}',
    "Infinity": _SENT + b', "year": -Infinity}',
    "a name twice": _SENT + b', "password": "other"}',
    "a byte order mark": b"\xef\xbb\xbf" + _SENT + b"}",
    "UTF-16": (_SENT + b"}").decode().encode("utf-16"),
    "Latin-1": _SENT + b', "email": "\xe9"}',
    "something behind it": _SENT + b"} x",
    "too many digits": _SENT + b', "year": ' + b"9" * 5000 + b"}",
    "too deep": _SENT + b', "year": ' + b"[" * 500 + b"]" * 500 + b"}",
    "too many parts": _SENT + b', "year": [' + b"1," * 10_000 + b"1]}",
}
NOT_TEXT: tuple[Any, ...] = (1, 1.5, True, ["ada"], {"a": 1})
NOT_NUMBER: tuple[Any, ...] = ("2026", 2026.0, True, [2026], 2026.5, 2**31, 10**30, -(2**63))
NOT_TRUTH: tuple[Any, ...] = (1, 0, "true", 1.0, [True])
UNSTORABLE = ("correct \ud800 horse battery", "\udfff")
# A password reaches no column: it may hold NUL, and no half of a character, which has no bytes.
_PASSWORDS = {"password", "current_password", "new_password"}


def taking_json() -> list[Operation]:
    """Return the operations of the new API that take JSON."""
    found = []
    for operation in list_operations():
        description = describe_api()["paths"].get(operation.path, {})
        content = description.get(operation.method.lower(), {}).get("requestBody", {})
        if "application/json" in content.get("content", {}) and not operation.is_legacy:
            found.append(operation)
    return found


def fields_of(operation: Operation) -> dict[str, Any]:
    """Return the fields that a body may have, by name."""
    description = describe_api()["paths"][operation.path][operation.method.lower()]
    schema = description["requestBody"]["content"]["application/json"]["schema"]
    model = describe_api()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    properties: dict[str, Any] = model["properties"]
    return properties


def wrong_values(field: dict[str, Any]) -> tuple[Any, ...]:
    """Return values of other types than a field has."""
    kinds = {part.get("type") for part in field.get("anyOf", [field])}
    if "integer" in kinds:
        return NOT_NUMBER
    return NOT_TRUTH if "boolean" in kinds else NOT_TEXT


def cases() -> Iterator[tuple[Operation, str, Any]]:
    for operation in taking_json():
        for name, field in fields_of(operation).items():
            kinds = {part.get("type") for part in field.get("anyOf", [field])}
            for value in wrong_values(field):
                yield operation, name, value
            if "string" in kinds:
                yield from ((operation, name, value) for value in UNSTORABLE)
            if "string" in kinds and name not in _PASSWORDS:
                yield operation, name, "a\x00b"


def check(answer: httpx.Response, status: int, sent: Any) -> None:
    assert answer.status_code == status, (answer.text, sent)
    assert answer.headers["content-type"] == PROBLEM
    assert SECRET not in answer.text


@ONE_ENGINE
class TestNoJSON:
    @pytest.mark.parametrize("operation", taking_json(), ids=str)
    async def test_is_400_and_says_what(self, stage: Stage, operation: Operation) -> None:
        before = await dump(stage.resources)
        for name, content in NO_JSON.items():
            headers = {"Content-Type": "application/json"}
            answer = await ask(
                *(stage.app, stage.school, operation, "admin"),
                json=None,
                content=content,
                headers=headers,
            )
            check(answer, 400, name)
            assert answer.json()["type"] == "/problems#malformed-body"
            assert answer.json()["detail"].startswith("The body is not valid JSON: ")
        assert await dump(stage.resources) == before


class TestFields:
    async def test_of_another_type_or_unstorable(self, stage: Stage) -> None:
        before = await dump(stage.resources)
        for operation, name, value in cases():
            sent = {**operation.body(stage.school, stage.school.who("admin"))["json"], name: value}
            answer = await ask(
                *(stage.app, stage.school, operation, "admin"),
                json=None,
                content=json.dumps(sent),
                headers={"Content-Type": "application/json"},
            )
            check(answer, 422, (str(operation), name, value))
            pointers = [error["pointer"] for error in answer.json()["errors"]]
            assert pointers == [f"/{name}"], (str(operation), name, value)
        assert await dump(stage.resources) == before


LISTS = ("/api/v1/users", "/api/v1/sections/CSA/members")
# What stands in an address: encoded, as it is sent.
NO_TEXT = ("a%00b", "%00", "%ED%A0%80", "%FF", "%C0%AF")
NO_NUMBER = (
    "0",
    "-1",
    "101",
    str(2**31),
    "9" * 30,
    "9" * 5000,
    "1.0",
    "1e1",
    "NaN",
    "",
    "%00",
    "1_0",
    "%201",
    "%2B1",
    "%D9%A1",
)


def with_parameters() -> list[Operation]:
    return [found for found in list_operations() if "{" in found.path and not found.is_legacy]


class TestAddresses:
    @pytest.mark.parametrize("value", NO_TEXT)
    async def test_paths(self, stage: Stage, value: str) -> None:
        """There is nothing of such a name, and there never can be."""
        before = await dump(stage.resources)
        for operation in with_parameters():
            spelling = re.sub(r"\{\w+\}", value, operation.path)
            answer = await ask(stage.app, stage.school, operation, "admin", spelling=spelling)
            assert answer.status_code == 404, spelling
        assert await dump(stage.resources) == before

    @pytest.mark.parametrize("path", LISTS)
    async def test_queries(self, stage: Stage, path: str) -> None:
        headers = stage.school.people["admin"].headers
        async with visitor(stage.app, headers=headers) as client:
            for query in [
                *(f"cursor={text}" for text in ("a%00b", "%00")),
                *(f"limit={number}" for number in NO_NUMBER),
                *(("q=a%00b", "q=%00") if path == LISTS[0] else ()),
            ]:
                check(await client.get(f"{path}?{query}"), 422, query)

    @ONE_ENGINE
    async def test_thousands_of_parameters(self, stage: Stage) -> None:
        headers = stage.school.people["admin"].headers
        async with visitor(stage.app, headers=headers) as client:
            answer = await client.get("/api/v1/users?" + "limit=1&" * 5000)
            assert answer.status_code == 200
            assert len(answer.json()["items"]) == 1


FORM_TYPE = "application/x-www-form-urlencoded"
FLOODS: dict[str, tuple[str, bytes]] = {
    "fields": (FORM_TYPE, b"a=1&" * 5000),
    "an endless name": (FORM_TYPE, b"a" * 900_000),
    "an endless value": (FORM_TYPE, b"username=" + b"a" * 900_000),
    "parts": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n' * 5000 + b"--x--\r\n",
    ),
    "files": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"; filename="../../b"\r\n\r\nc\r\n' * 50
        + b"--x--\r\n",
    ),
    "headers of a part": (
        "multipart/form-data; boundary=x",
        b"--x\r\n" + b"X-A: b\r\n" * 50_000 + b"\r\n\r\na\r\n--x--\r\n",
    ),
    "an endless header of a part": (
        "multipart/form-data; boundary=x",
        b"--x\r\nX-A: " + b"b" * 500_000 + b"\r\n\r\na\r\n--x--\r\n",
    ),
    "no boundary": ("multipart/form-data", b"--x--\r\n"),
    "a boundary of thousands": ("multipart/form-data; boundary=" + "x" * 5000, b"--x--"),
    "another boundary": ("multipart/form-data; boundary=y", b"--x\r\n\r\n--x--"),
}


def taking_forms() -> list[Operation]:
    return [
        found
        for found in list_operations()
        if found.method == "POST" and (found.is_page or found.path.endswith(("/token", "/revoke")))
    ]


@ONE_ENGINE
class TestForms:
    @pytest.mark.parametrize(("kind", "content"), FLOODS.values(), ids=FLOODS.keys())
    async def test_floods(self, stage: Stage, kind: str, content: bytes) -> None:
        before = await dump(stage.resources)
        for operation in taking_forms():
            answer = await ask(
                *(stage.app, stage.school, operation, "anonymous"),
                data=None,
                files=None,
                json=None,
                content=content,
                headers={"Content-Type": kind},
            )
            assert answer.status_code < 500, str(operation)
            assert f"{COOKIE}=ey" not in answer.headers.get("Set-Cookie", "")
        assert await dump(stage.resources) == before
