"""Liveness and readiness."""

import httpx
import pytest
from fastapi import FastAPI

from app import __version__
from app.resources import Resources
from app.services.readiness import NO_DATABASE
from tests.services.test_readiness import at_revision
from tests.wire import LOGIN, ONE_ENGINE, SESSION, visitor

NOBODY_LISTENS = "postgresql://nobody@127.0.0.1:1/none"
without_database = pytest.mark.parametrize(
    "settings_changes", [{"database_url": NOBODY_LISTENS}], ids=["no database"]
)


async def test_healthz_answers(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "version": __version__}


async def test_readyz_asks_the_database(client: httpx.AsyncClient, app: FastAPI) -> None:
    ready = {"status": "ready", "version": __version__, "limits": "local"}
    assert (await client.get("/readyz")).json() == ready
    await app.state.resources.database.dispose()
    assert (await client.get("/readyz")).status_code == 200


@ONE_ENGINE
@without_database
async def test_healthz_does_not_need_the_database(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).status_code == 200


@ONE_ENGINE
@without_database
async def test_without_the_database_it_is_not_ready(client: httpx.AsyncClient) -> None:
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["type"] == "/problems#not-ready"
    assert answer.json()["reasons"] == [{"code": NO_DATABASE.code, "detail": NO_DATABASE.detail}]
    assert answer.json()["detail"] == NO_DATABASE.detail
    assert answer.headers["Retry-After"] == "2"
    for secret in ("127.0.0.1", "nobody", "none"):
        assert secret not in answer.text


async def test_a_page_says_why_it_is_not_ready(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    async with at_revision(resources, None):
        answer = await client.get("/readyz", headers={"Accept": "text/html"})
    assert answer.status_code == 503
    assert "portfolio migrate" in answer.text


@ONE_ENGINE
@without_database
async def test_without_the_database_logins_are_told_to_wait(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/auth/login", json=LOGIN)
    assert answer.status_code == 503
    assert "127.0.0.1" not in answer.text
    # Nobody's credentials were looked at, so nothing was asked of the database.
    assert (await client.get(SESSION)).status_code == 401


@ONE_ENGINE
class TestConnection:
    @without_database
    async def test_without_a_proxy(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/api/v1/connection")
        assert answer.json() == {"scheme": "http", "forwarded_for": "absent"}

    @pytest.mark.parametrize("settings_changes", [{"trusted_proxies": "10.0.0.1"}])
    @pytest.mark.parametrize(
        ("peer", "told", "made_of_it"),
        [
            *(("10.0.0.1", "192.0.2.7", "believed"), ("10.0.0.1", "10.0.0.1", "believed")),
            *(("10.0.0.2", "192.0.2.7", "ignored"), ("10.0.0.1", "unknown", "ignored")),
            *(("10.0.0.1", " , ", "absent"), ("10.0.0.2", "", "absent")),
        ],
    )
    async def test_behind_one(self, app: FastAPI, peer: str, told: str, made_of_it: str) -> None:
        async with visitor(app, address=peer, headers={"X-Forwarded-For": told}) as client:
            answer = await client.get("/api/v1/connection")
        assert answer.json()["forwarded_for"] == made_of_it
