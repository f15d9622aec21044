"""Accounts for tests, made through the use cases, and clients logged in as them."""

from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from app.models import Role, User
from app.principals import OPERATOR
from app.resources import Resources
from app.schemas import UserCreate
from app.services import accounts

PASSWORD = "correct horse battery"
BASE_URL = "http://localhost:8086"


class People:
    """Makes users and clients for one application; closes the clients at the end."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self._clients = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._clients.aclose()

    async def create(self, uid: str, *, name: str = "", role: Role = Role.USER) -> User:
        """Create an account with PASSWORD."""
        resources: Resources = self.app.state.resources
        new = UserCreate(
            uid=uid, name=name or uid.title(), password=SecretStr(PASSWORD), role=role.value
        )
        async with resources.database.transaction() as session:
            return await accounts.sign_up(session, OPERATOR, new=new, resources=resources)

    async def visitor(self) -> httpx.AsyncClient:
        """Return a client that nobody is logged in with."""
        transport = httpx.ASGITransport(app=self.app)
        client = httpx.AsyncClient(transport=transport, base_url=BASE_URL)
        return await self._clients.enter_async_context(client)

    async def log_in(self, uid: str) -> httpx.AsyncClient:
        """Return a client with the session cookie of an existing account."""
        client = await self.visitor()
        answer = await client.post("/api/v1/auth/login", json={"uid": uid, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return client

    async def bearer(self, uid: str) -> httpx.AsyncClient:
        """Return a client that sends a fresh access token of an existing account."""
        client = await self.visitor()
        form = {"username": uid, "password": PASSWORD}
        answer = await client.post("/api/v1/auth/token", data=form)
        assert answer.status_code == 200, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return client

    async def create_and_log_in(self, uid: str, *, role: Role = Role.USER) -> httpx.AsyncClient:
        """Create an account and return a client with its cookie."""
        await self.create(uid, role=role)
        return await self.log_in(uid)
