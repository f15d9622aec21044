"""Liveness and readiness."""

import httpx
from fastapi import FastAPI

from app import __version__


async def test_healthz_answers(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "version": __version__}


async def test_readyz_asks_the_database(client: httpx.AsyncClient, app: FastAPI) -> None:
    assert (await client.get("/readyz")).json()["status"] == "ready"
    await app.state.resources.database.dispose()
    assert (await client.get("/readyz")).status_code == 200
