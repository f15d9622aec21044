"""Asking for an operation as one of the people of the school, and looking at what came back."""

from collections.abc import Mapping
from typing import Any

import httpx
from fastapi import FastAPI

from tests.people import PASSWORD
from tests.security.operations import Operation
from tests.security.school import School
from tests.wire import visitor

_HTML, _JSON = "text/html", "application/json"
# Whoever is nobody yet shows ada's password here, and is then told about ada.
LOGINS = frozenset(
    {
        "POST /api/v1/auth/login",
        "POST /api/v1/auth/token",
        "POST /api/authenticate",
        "POST /api/users/authenticate",
        "POST /login",
    }
)


async def ask(
    app: FastAPI,
    school: School,
    operation: Operation,
    column: str,
    *,
    spelling: str | None = None,
    headers: Mapping[str, str] | None = None,
    **changes: Any,
) -> httpx.Response:
    """Send a valid request for an operation, as whoever a column of the table is about.

    `changes` replace what is sent: `json`, `data` and the like.
    """
    person = school.people.get(column)
    sent = {**operation.body(school, school.who(column)), **changes}
    accept = _HTML if operation.is_page else _JSON
    carried = person.headers if person is not None else {}
    sent["headers"] = {"Accept": accept, **carried, **sent.get("headers", {}), **(headers or {})}
    async with visitor(app) as client:
        return await client.request(operation.method, operation.address(school, spelling), **sent)


def holds_no_secret(
    school: School, column: str, operation: Operation, answer: httpx.Response
) -> None:
    """Check that an answer holds no secret, and nothing personal of anybody else.

    Cookies are looked at elsewhere: the old log-out leaves the asker's own with them for a moment.
    """
    headers = [item for item in answer.headers.multi_items() if item[0] != "set-cookie"]
    text = f"{answer.text} {headers}"
    asker = school.people.get(column)
    if asker is None and str(operation) in LOGINS:
        asker = school.owner
    own: tuple[str, ...] = ()
    if str(operation) == "GET /openapi.json":
        # The document's own example.
        own = (PASSWORD,)
    for secret in school.secrets:
        assert secret in own or secret not in text, f"{operation} as {column} shows a secret"
    if column == "admin":
        return
    for person in school.people.values():
        for personal in () if person == asker else person.personal:
            assert personal not in text, f"{operation} as {column} shows what is {person.uid}'s"
