"""The wire, for tests of the API: visitors from anywhere, requests as raw as servers hand them on.

Also a hand in the database, for what no request can do: wind a session's times, read what was kept;
and the operations that the API says it has, so that a new one cannot be forgotten.
"""

import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import col, select, update

from app.config import Settings
from app.main import create_app
from app.models import User, UserSession, utc_now
from app.resources import Resources
from app.services.proof import FRESH
from tests.people import BASE_URL, PASSWORD

LOGIN = {"uid": "ada", "password": PASSWORD}
PASSWORD_FORM = {"username": "ada", "password": PASSWORD}
COOKIE = "portfolio_session"
SESSION = "/api/v1/auth/session"
PROBLEM = "application/problem+json"
# For long tables of what is decided before any database could make a difference.
ONE_ENGINE = pytest.mark.parametrize("engine", ["sqlite"])


def visitor(
    app: FastAPI,
    *,
    address: str = "127.0.0.1",
    scope: MutableMapping[str, Any] | None = None,
    **options: Any,
) -> httpx.AsyncClient:
    """Return a client that comes from an address; `scope` replaces what httpx would put there."""

    async def raw(given: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        await app({**given, **(scope or {})}, receive, send)

    transport = httpx.ASGITransport(app=raw, client=(address, 1234))
    return httpx.AsyncClient(transport=transport, **{"base_url": BASE_URL, **options})


async def replay(app: FastAPI, token: str, path: str = SESSION) -> httpx.Response:
    """Ask as a stranger who holds a copy of a session cookie."""
    async with visitor(app, headers={"Cookie": f"{COOKIE}={token}"}) as stranger:
        return await stranger.get(path)


async def replay_bearer(app: FastAPI, token: str, path: str = SESSION) -> httpx.Response:
    """Ask as a stranger who holds a copy of an access token."""
    async with visitor(app, headers={"Authorization": f"Bearer {token}"}) as stranger:
        return await stranger.get(path)


async def current_sid(client: httpx.AsyncClient) -> str:
    """Return the id of the session a client is logged in with."""
    answer = await client.get(SESSION)
    assert answer.status_code == 200, answer.text
    sid: str = answer.json()["session"]["id"]
    return sid


async def change_session(resources: Resources, sid: str, **values: Any) -> None:
    """Write columns of a session's row."""
    async with resources.database.transaction() as session:
        await session.exec(update(UserSession).where(col(UserSession.sid) == sid).values(**values))


async def grow_old(client: httpx.AsyncClient, resources: Resources) -> None:
    """Let a client's login have begun so long ago that it is not fresh any more."""
    began = utc_now() - FRESH
    await change_session(resources, await current_sid(client), created_at=began)


async def read_session(resources: Resources, sid: str) -> UserSession:
    """Return a session's row."""
    async with resources.database.transaction(read_only=True) as session:
        return (await session.exec(select(UserSession).where(UserSession.sid == sid))).one()


async def change_user(resources: Resources, uid: str, **values: Any) -> None:
    """Write columns of an account's row."""
    async with resources.database.transaction() as session:
        await session.exec(update(User).where(col(User.uid) == uid).values(**values))


async def read_users(resources: Resources) -> dict[str, User]:
    """Return all accounts by uid."""
    async with resources.database.transaction(read_only=True) as session:
        users = (await session.exec(select(User).order_by(col(User.uid)))).all()
        return {user.uid: user for user in users}


@dataclass(frozen=True)
class Operation:
    """One operation of the API's own description."""

    method: str
    path: str
    description: dict[str, Any]

    @property
    def id(self) -> str:
        name: str = self.description["operationId"]
        return name

    @property
    def needs_login(self) -> bool:
        return bool(self.description.get("security")) and {} not in self.description["security"]

    @property
    def needs_admin(self) -> bool:
        forbidden = self.description["responses"].get("403", {"content": {}})["content"]
        return "admin-required" in forbidden.get(PROBLEM, {}).get("examples", {})

    @property
    def media_type(self) -> str | None:
        """The Content-Type of its body, or None if it takes none."""
        content = self.description.get("requestBody", {}).get("content", {})
        return next(iter(content), None)

    @property
    def takes_fields(self) -> bool:
        """Whether its body is JSON or a form, and no file."""
        return self.media_type is not None and not self.media_type.startswith("image/")

    def address(self, filling: str = "ada") -> str:
        """Return the path with something in place of its parameters."""
        return re.sub(r"\{\w+\}", lambda _: filling, self.path)


@cache
def describe_api() -> dict[str, Any]:
    """Return the OpenAPI document."""
    settings = Settings(_env_file=None, instance_dir=Path("nowhere"))
    return create_app(settings).openapi()


def read_operations() -> list[Operation]:
    """Return every operation of the OpenAPI document."""
    return [
        Operation(method.upper(), path, description)
        for path, methods in describe_api()["paths"].items()
        for method, description in methods.items()
    ]


_ALL = read_operations()
# Ours, and those of the old wire, which has errors and habits of its own.
OPERATIONS = [found for found in _ALL if not found.description.get("deprecated")]
LEGACY_OPERATIONS = [found for found in _ALL if found.description.get("deprecated")]
