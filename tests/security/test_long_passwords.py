"""Passwords beyond 1,024 bytes: refused before anything is hashed, whichever way they come.

Long text is work for free to whoever sends it, and an invitation to keep a server busy.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from fastapi import FastAPI

from app.cli import cli
from app.models import Role
from tests.people import PASSWORD, People
from tests.wire import ONE_ENGINE, read_users

# In characters it is short enough.
LONG = "é" * 512 + "x"
JUST = "é" * 512
assert len(LONG.encode()) == 1025

Send = Callable[[httpx.AsyncClient, str], Awaitable[httpx.Response]]


def send(method: str, path: str, how: str, **body: str) -> Send:
    """Return what sends a body with the long password in place of `…`, as JSON or as a form."""

    async def request(client: httpx.AsyncClient, password: str) -> httpx.Response:
        filled = {name: password if text == "…" else text for name, text in body.items()}
        if how == "json":
            content = json.dumps(filled).encode()
            headers = {"Content-Type": "application/json"}
            return await client.request(method, path, content=content, headers=headers)
        return await client.request(method, path, data=filled)

    return request


NEW = {"uid": "bob", "name": "Bob"}
BOTH = {"current_password": "…", "new_password": "a longer battery horse"}
NEXT = {"current_password": PASSWORD, "new_password": "…"}
EVE = {"uid": "eve", "name": "Eve", "email": ""}
ME = "/api/v1/users/me"
SECOND, PROVED = f"{ME}/second-factor", {"current_password": "…", "code": "123456"}
SESSIONS, END = "/api/v1/auth/sessions", "/account/sessions/end"
PATHS: dict[str, tuple[int, Send]] = {
    "login": (422, send("POST", "/api/v1/auth/login", "json", uid="ada", password="…")),
    "token": (422, send("POST", "/api/v1/auth/token", "form", username="ada", password="…")),
    "login page": (422, send("POST", "/login", "form", username="ada", password="…")),
    "old login": (401, send("POST", "/api/authenticate", "json", uid="ada", password="…")),
    "older login": (401, send("POST", "/api/users/authenticate", "json", uid="ada", password="…")),
    "sign-up": (422, send("POST", "/api/v1/users", "json", password="…", **NEW)),
    "sign-up page": (422, send("POST", "/signup", "form", password="…", **NEW)),
    "old sign-up": (400, send("POST", "/api/user", "json", password="…", **NEW)),
    "older sign-up": (400, send("POST", "/api/users", "json", password="…", **NEW)),
    "guest": (400, send("POST", "/api/user/guest", "json", uid="bob", password="…")),
    "set-up page": (422, send("POST", "/setup", "form", token="x", password="…", **NEW)),
    "reset": (422, send("POST", "/api/v1/auth/reset", "json", token="x", new_password="…")),
    "reset page": (422, send("POST", "/reset", "form", token="x", new_password="…")),
    "confirm": (422, send("DELETE", ME, "json", current_password="…")),
    "confirm page": (422, send("POST", "/account/delete", "form", current_password="…")),
    "change, current": (422, send("POST", f"{ME}/password", "json", **BOTH)),
    "change, new": (422, send("POST", f"{ME}/password", "json", **NEXT)),
    "change page, current": (422, send("POST", "/account/password", "form", **BOTH)),
    "change page, new": (422, send("POST", "/account/password", "form", **NEXT)),
    "new uid": (422, send("PATCH", ME, "json", uid="eve", current_password="…")),
    "new uid, page": (422, send("POST", "/account/profile", "form", profile_password="…", **EVE)),
    "end a login": (422, send("DELETE", f"{SESSIONS}/x", "json", current_password="…")),
    "end logins": (422, send("DELETE", SESSIONS, "json", current_password="…")),
    "end a login, page": (422, send("POST", END, "form", session="x", sessions_password="…")),
    "end logins, page": (422, send("POST", f"{END}-others", "form", sessions_password="…")),
    "begin a second factor": (422, send("POST", SECOND, "json", current_password="…")),
    "new recovery codes": (422, send("POST", f"{SECOND}/recovery-codes", "json", **PROVED)),
    "remove a second factor": (422, send("DELETE", SECOND, "json", **PROVED)),
    "old change": (400, send("PUT", "/api/user", "json", password="…")),
    "older change": (400, send("PUT", "/api/users", "json", uid="ada", password="…")),
}


@ONE_ENGINE
@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("password", [LONG, "x" * 100_000], ids=["just", "far"])
async def test_is_refused_before_it_is_hashed(
    app: FastAPI, people: People, hashed: list[str], name: str, password: str
) -> None:
    ada = await people.create_and_log_in("ada")
    before = (await read_users(app.state.resources))["ada"].password_hash
    hashed.clear()
    status, request = PATHS[name]
    answer = await request(ada, password)
    assert 400 <= answer.status_code < 500, answer.text
    if password == LONG:
        assert answer.status_code == status
    assert password[:40] not in answer.text
    assert hashed == []
    users = await read_users(app.state.resources)
    assert {uid: user.password_hash for uid, user in users.items()} == {"ada": before}


@ONE_ENGINE
async def test_every_path_that_takes_one_is_listed(app: FastAPI) -> None:
    """What the API says it takes; the pages' forms are not in its description."""
    document = app.openapi()

    def fields(operation: dict[str, Any]) -> set[str]:
        contents = operation.get("requestBody", {}).get("content", {}).values()
        names = (content["schema"].get("$ref", "").rpartition("/")[2] for content in contents)
        found = (document["components"]["schemas"].get(name, {}) for name in names)
        return {field for schema in found for field in schema.get("properties", {})}

    taking = {
        (method, path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if any("password" in field for field in fields(operation))
    }
    assert taking == {
        ("post", "/api/v1/auth/login"),
        ("post", "/api/v1/auth/token"),
        ("post", "/api/v1/auth/reset"),
        ("post", "/api/v1/users"),
        ("post", "/api/v1/users/me/password"),
        ("delete", "/api/v1/users/me"),
        ("patch", "/api/v1/users/me"),
        ("patch", "/api/v1/users/{uid}"),
        ("delete", "/api/v1/auth/sessions"),
        ("delete", "/api/v1/auth/sessions/{session_id}"),
        ("post", "/api/v1/users/me/second-factor"),
        ("post", "/api/v1/users/me/second-factor/recovery-codes"),
        ("delete", "/api/v1/users/me/second-factor"),
    }


@ONE_ENGINE
async def test_the_longest_that_is_taken(people: People, hashed: list[str]) -> None:
    client = await people.visitor()
    new = {**NEW, "password": "correct horse battery" + JUST[:500]}
    assert len(new["password"].encode()) == 1021
    assert (await client.post("/api/v1/users", json=new)).status_code == 201
    assert hashed == ["hash_secret"]
    login = {"uid": "bob", "password": new["password"]}
    assert (await client.post("/api/v1/auth/login", json=login)).status_code == 200


@ONE_ENGINE
async def test_in_a_list_of_people(people: People, hashed: list[str]) -> None:
    admin = await people.create_and_log_in("grace", role=Role.ADMIN)
    hashed.clear()
    answer = await admin.post("/api/users", json=[{**NEW, "password": LONG}])
    assert answer.json()["error_count"] == 1
    assert hashed == []


@ONE_ENGINE
def test_on_the_command_line(
    settings: Any, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTANCE_DIR", str(settings.instance_dir))
    result = CliRunner().invoke(cli, ["users", "create", "bob", "--name", "Bob"], input=LONG)
    assert result.exit_code != 0
    assert LONG[:40] not in result.output
    assert hashed == []
