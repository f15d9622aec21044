"""`POST /auth/refresh`: rotation, the grace of two tabs, and what a token used twice gives away."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import select

from app.models import AuditEvent, utc_now
from app.resources import Resources
from tests.people import People
from tests.wire import (
    ONE_ENGINE,
    PASSWORD_FORM,
    change_session,
    change_user,
    current_sid,
    read_session,
    replay_bearer,
)

REFRESH = "/api/v1/auth/refresh"


@pytest.fixture
async def pair(client: httpx.AsyncClient, people: People) -> dict[str, str]:
    """The access and refresh token of a fresh login."""
    await people.create("ada")
    answer = await client.post("/api/v1/auth/token", data=PASSWORD_FORM)
    tokens: dict[str, str] = answer.json()
    return tokens


def _sid(pair: dict[str, str]) -> str:
    return pair["refresh_token"].removeprefix("prt_").partition(".")[0]


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post(REFRESH, json={"refresh_token": token})


class TestRefused:
    @ONE_ENGINE
    async def test_garbage(self, client: httpx.AsyncClient) -> None:
        for token in [
            "garbage",
            "prt_AAAAAAAAAAAAAAAA.0." + "A" * 43,
            "prt_AAAAAAAAAAAAAAAA.-1." + "A" * 43,
            "prt_AAAAAAAAAAAAAAAA.01." + "A" * 43,
            "prt_AAAAAAAAAAAAAAAA.\u0661." + "A" * 43,
            "prt_AAAAAAAAAAAAAAAA.0." + "A" * 43 + "\n",
            "prt_AAAAAAAAAAAAAAAA." + "9" * 60 + "." + "A" * 43,
        ]:
            answer = await refresh(client, token)
            assert answer.status_code == 401, token
            assert answer.json()["error"] == "invalid_grant", token
            assert "WWW-Authenticate" in answer.headers, token

    @ONE_ENGINE
    async def test_unfit_body(self, client: httpx.AsyncClient) -> None:
        for body in [{}, {"refresh_token": None}, {"refresh_token": 5}, {"refresh_token": ["x"]}]:
            assert (await client.post(REFRESH, json=body)).status_code == 422, body

    async def test_an_access_token_does_not_refresh(
        self, client: httpx.AsyncClient, pair: dict[str, str]
    ) -> None:
        assert (await refresh(client, pair["access_token"])).status_code in {401, 422}

    async def test_a_refresh_token_gives_no_access(
        self, app: FastAPI, pair: dict[str, str]
    ) -> None:
        assert (await replay_bearer(app, pair["refresh_token"])).status_code == 401

    async def test_the_count_cannot_be_chosen(
        self, client: httpx.AsyncClient, pair: dict[str, str]
    ) -> None:
        sid, _, mac = pair["refresh_token"].removeprefix("prt_").split(".")
        assert (await refresh(client, f"prt_{sid}.1.{mac}")).status_code == 401
        assert (await refresh(client, pair["refresh_token"])).status_code == 200

    async def test_revoked_session(
        self, client: httpx.AsyncClient, pair: dict[str, str], resources: Resources
    ) -> None:
        await change_session(resources, _sid(pair), revoked_at=utc_now())
        assert (await refresh(client, pair["refresh_token"])).status_code == 401

    async def test_disabled_user(
        self, client: httpx.AsyncClient, pair: dict[str, str], resources: Resources
    ) -> None:
        await change_user(resources, "ada", is_active=False)
        assert (await refresh(client, pair["refresh_token"])).status_code == 401

    async def test_deleted_user(
        self, client: httpx.AsyncClient, pair: dict[str, str], people: People
    ) -> None:
        ada = await people.log_in("ada")
        body = {"current_password": PASSWORD_FORM["password"]}
        await ada.request("DELETE", "/api/v1/users/me", json=body)
        assert (await refresh(client, pair["refresh_token"])).status_code == 401

    @pytest.mark.parametrize("limit", ["expires_at", "ends_at"])
    async def test_session_is_over(
        self, client: httpx.AsyncClient, pair: dict[str, str], resources: Resources, limit: str
    ) -> None:
        await change_session(resources, _sid(pair), **{limit: utc_now() - timedelta(seconds=1)})
        assert (await refresh(client, pair["refresh_token"])).status_code == 401

    async def test_a_cookie_session_has_no_refresh_token(
        self, client: httpx.AsyncClient, people: People, resources: Resources
    ) -> None:
        ada = await people.create_and_log_in("ada")
        forged = resources.codec.issue_refresh(await current_sid(ada), 0)
        assert (await refresh(client, forged)).status_code == 401
        assert (await ada.get("/api/v1/auth/session")).status_code == 200


class TestRotation:
    async def test_gives_a_new_pair(
        self, client: httpx.AsyncClient, pair: dict[str, str], app: FastAPI
    ) -> None:
        answer = await refresh(client, pair["refresh_token"])
        assert answer.status_code == 200
        assert answer.json().keys() == pair.keys()
        assert answer.json()["refresh_token"] != pair["refresh_token"]
        assert answer.json()["access_token"] != pair["access_token"]
        assert (await replay_bearer(app, answer.json()["access_token"])).status_code == 200

    async def test_stays_in_the_session(
        self, client: httpx.AsyncClient, pair: dict[str, str]
    ) -> None:
        answer = await refresh(client, pair["refresh_token"])
        assert _sid(answer.json()) == _sid(pair)

    async def test_pushes_the_idle_limit_on(
        self, client: httpx.AsyncClient, pair: dict[str, str], resources: Resources
    ) -> None:
        await change_session(resources, _sid(pair), expires_at=utc_now() + timedelta(minutes=5))
        await refresh(client, pair["refresh_token"])
        row = await read_session(resources, _sid(pair))
        assert row.expires_at > utc_now() + timedelta(days=6)

    async def test_not_beyond_the_end(
        self, client: httpx.AsyncClient, pair: dict[str, str], resources: Resources
    ) -> None:
        ends_at = utc_now() + timedelta(minutes=5)
        await change_session(resources, _sid(pair), ends_at=ends_at)
        answer = await refresh(client, pair["refresh_token"])
        assert answer.json()["expires_in"] <= 300
        assert (await read_session(resources, _sid(pair))).expires_at == ends_at

    async def test_the_parent_gives_the_same_child_for_a_while(
        self, client: httpx.AsyncClient, pair: dict[str, str]
    ) -> None:
        first = await refresh(client, pair["refresh_token"])
        second = await refresh(client, pair["refresh_token"])
        assert second.status_code == 200
        assert second.json()["refresh_token"] == first.json()["refresh_token"]

    async def test_fifty_at_once_have_one_child(
        self, client: httpx.AsyncClient, pair: dict[str, str]
    ) -> None:
        answers = await asyncio.gather(*(refresh(client, pair["refresh_token"]) for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["refresh_token"] for answer in answers}) == 1


class TestReuse:
    async def test_an_older_token_ends_the_login(
        self, client: httpx.AsyncClient, pair: dict[str, str], app: FastAPI
    ) -> None:
        child = (await refresh(client, pair["refresh_token"])).json()
        grandchild = (await refresh(client, child["refresh_token"])).json()
        answer = await refresh(client, pair["refresh_token"])
        assert answer.status_code == 401
        assert answer.json()["type"] == "/problems#invalid-refresh-token"
        assert (await refresh(client, grandchild["refresh_token"])).status_code == 401
        assert (await replay_bearer(app, grandchild["access_token"])).status_code == 401

    async def test_the_end_is_kept_although_the_answer_is_401(
        self, client: httpx.AsyncClient, pair: dict[str, str], resources: Resources
    ) -> None:
        child = (await refresh(client, pair["refresh_token"])).json()
        await refresh(client, child["refresh_token"])
        await refresh(client, pair["refresh_token"])
        assert (await read_session(resources, _sid(pair))).revoked_at is not None
        async with resources.database.transaction(read_only=True) as session:
            events = (await session.exec(select(AuditEvent.action))).all()
        assert "refresh-reuse" in events

    @pytest.mark.parametrize("seconds", [-11, 11], ids=["too late", "the clock went back"])
    async def test_the_parent_too_late_ends_the_login(
        self,
        client: httpx.AsyncClient,
        pair: dict[str, str],
        resources: Resources,
        seconds: int,
    ) -> None:
        child = (await refresh(client, pair["refresh_token"])).json()
        moment = utc_now() + timedelta(seconds=seconds)
        await change_session(resources, _sid(pair), renewed_at=moment)
        assert (await refresh(client, pair["refresh_token"])).status_code == 401
        assert (await refresh(client, child["refresh_token"])).status_code == 401

    async def test_other_logins_live_on(
        self, client: httpx.AsyncClient, pair: dict[str, str], people: People
    ) -> None:
        other = await people.bearer("ada")
        child = (await refresh(client, pair["refresh_token"])).json()
        await refresh(client, child["refresh_token"])
        await refresh(client, pair["refresh_token"])
        assert (await other.get("/api/v1/auth/session")).status_code == 200
