"""One's own logins: what they say, ending them, and what the very next request sees of a change."""

from datetime import datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from app.models import Role, utc_now
from app.resources import Resources
from tests.people import PASSWORD, People
from tests.wire import (
    COOKIE,
    LOGIN,
    SESSION,
    change_session,
    current_sid,
    replay,
    visitor,
)

SESSIONS = "/api/v1/auth/sessions"
SESSION_KEYS = {
    "id",
    "kind",
    "is_current",
    "user_agent",
    "client_address",
    "created_at",
    "renewed_at",
    "expires_at",
}


class TestGetSession:
    async def test_by_cookie(self, people: People) -> None:
        ada = await people.create("ada")
        client = await people.log_in("ada")
        shown = (await client.get(SESSION)).json()
        assert shown.keys() == {"user", "session", "authenticated_by", "token_expires_at"}
        assert shown["authenticated_by"] == "cookie"
        assert shown["user"]["id"] == ada.public_id
        assert shown["session"].keys() == SESSION_KEYS
        assert shown["session"]["kind"] == "cookie"
        ends = datetime.fromisoformat(shown["token_expires_at"]) - utc_now()
        assert timedelta(days=6.9) < ends <= timedelta(days=7)

    async def test_by_token(self, people: People) -> None:
        await people.create("ada")
        shown = (await (await people.bearer("ada")).get(SESSION)).json()
        assert shown["authenticated_by"] == "bearer"
        assert shown["session"]["kind"] == "bearer"
        ends = datetime.fromisoformat(shown["token_expires_at"]) - utc_now()
        assert timedelta(minutes=14) < ends <= timedelta(minutes=15)

    async def test_head_answers_like_get(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.head(SESSION)
        assert answer.status_code == 200
        assert answer.content == b""


class TestListSessions:
    async def test_nobodys(self, client: httpx.AsyncClient) -> None:
        assert (await client.get(SESSIONS)).status_code == 401

    async def test_own_ones_alone(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        await people.create_and_log_in("bob")
        listed = (await ada.get(SESSIONS)).json()
        assert [item["id"] for item in listed] == [await current_sid(ada)]

    async def test_the_latest_used_first_and_the_present_one_marked(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        script = await people.bearer("ada")
        listed = (await ada.get(SESSIONS)).json()
        assert [item["id"] for item in listed] == [
            await current_sid(script),
            await current_sid(ada),
        ]
        assert [item["is_current"] for item in listed] == [False, True]
        assert [item["kind"] for item in listed] == ["bearer", "cookie"]
        assert all(item.keys() == SESSION_KEYS for item in listed)

    async def test_without_those_that_ended(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        moment = utc_now() - timedelta(seconds=1)
        for column in ("revoked_at", "expires_at", "ends_at"):
            sid = await current_sid(await people.log_in("ada"))
            await change_session(resources, sid, **{column: moment})
        assert len((await ada.get(SESSIONS)).json()) == 1

    async def test_says_where_from(self, people: People, app: FastAPI) -> None:
        await people.create("ada")
        headers = {"User-Agent": "a browser at home"}
        async with visitor(app, address="2001:db8::7", headers=headers) as client:
            await client.post("/api/v1/auth/login", json=LOGIN)
            listed = (await client.get(SESSIONS)).json()
        assert listed[0]["user_agent"] == "a browser at home"
        assert listed[0]["client_address"] == "2001:db8::7"


class TestDeleteSession:
    async def test_unknown(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        for sid in ("unknown", "x" * 16, "%00", "a%2Fb", "\u00fc"):
            assert (await ada.delete(f"{SESSIONS}/{sid}")).status_code == 404, sid

    async def test_another_persons(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        bob = await people.create_and_log_in("bob")
        answer = await ada.delete(f"{SESSIONS}/{await current_sid(bob)}")
        assert answer.status_code == 404
        assert (await bob.get(SESSION)).status_code == 200

    async def test_another_persons_not_even_for_an_admin(self, people: People) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        bob = await people.create_and_log_in("bob")
        answer = await boss.delete(f"{SESSIONS}/{await current_sid(bob)}")
        assert answer.status_code == 404

    async def test_one_elsewhere(self, people: People) -> None:
        at_home = await people.create_and_log_in("ada")
        at_school = await people.log_in("ada")
        answer = await at_home.delete(f"{SESSIONS}/{await current_sid(at_school)}")
        assert answer.status_code == 204
        assert (await at_school.get(SESSION)).status_code == 401
        assert (await at_home.get(SESSION)).status_code == 200

    async def test_twice(self, people: People) -> None:
        at_home = await people.create_and_log_in("ada")
        sid = await current_sid(await people.log_in("ada"))
        await at_home.delete(f"{SESSIONS}/{sid}")
        assert (await at_home.delete(f"{SESSIONS}/{sid}")).status_code == 404

    async def test_the_present_one(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        assert (await ada.delete(f"{SESSIONS}/{await current_sid(ada)}")).status_code == 204
        assert (await ada.get(SESSION)).status_code == 401


class TestDeleteOtherSessions:
    async def test_keeps_the_present_one(self, people: People) -> None:
        at_home = await people.create_and_log_in("ada")
        others = [await people.log_in("ada"), await people.bearer("ada")]
        assert (await at_home.delete(SESSIONS)).status_code == 204
        assert [(await other.get(SESSION)).status_code for other in others] == [401, 401]
        assert (await at_home.get(SESSION)).status_code == 200

    async def test_leaves_other_people_alone(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        bob = await people.create_and_log_in("bob")
        await ada.delete(SESSIONS)
        assert (await bob.get(SESSION)).status_code == 200


class TestNextRequest:
    """What changed a moment ago holds for the next request of whoever it is about."""

    @pytest.mark.parametrize("carrier", ["log_in", "bearer"])
    async def test_of_a_disabled_account(self, people: People, carrier: str) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        await people.create("ada")
        ada = await getattr(people, carrier)("ada")
        await boss.patch("/api/v1/users/ada", json={"is_active": False})
        assert (await ada.get(SESSION)).status_code == 401

    async def test_of_an_account_enabled_again(self, people: People) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        ada = await people.create_and_log_in("ada")
        await boss.patch("/api/v1/users/ada", json={"is_active": False})
        await boss.patch("/api/v1/users/ada", json={"is_active": True})
        assert (await ada.get(SESSION)).status_code == 401
        assert (await ada.post("/api/v1/auth/login", json=LOGIN)).status_code == 200

    async def test_of_a_deleted_account(self, people: People, app: FastAPI) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        ada = await people.create_and_log_in("ada")
        await boss.delete("/api/v1/users/ada")
        assert (await ada.get(SESSION)).status_code == 401
        # A namesake inherits nothing.
        await people.create("ada")
        assert (await replay(app, ada.cookies[COOKIE])).status_code == 401

    async def test_of_a_new_admin(self, people: People) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        ada = await people.create_and_log_in("ada")
        assert (await ada.post("/api/v1/users/invites")).status_code == 403
        await boss.patch("/api/v1/users/ada", json={"role": "admin"})
        assert (await ada.post("/api/v1/users/invites")).status_code == 201

    async def test_of_a_former_admin(self, people: People) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        ada = await people.create_and_log_in("ada", role=Role.ADMIN)
        await boss.patch("/api/v1/users/ada", json={"role": "user"})
        assert (await ada.post("/api/v1/users/invites")).status_code == 403

    async def test_after_the_password_changed_elsewhere(self, people: People) -> None:
        at_home = await people.create_and_log_in("ada")
        at_school, script = await people.log_in("ada"), await people.bearer("ada")
        change = {"current_password": PASSWORD, "new_password": "an even longer sentence"}
        await at_home.post("/api/v1/users/me/password", json=change)
        assert (await at_school.get(SESSION)).status_code == 401
        assert (await script.get(SESSION)).status_code == 401
        assert (await at_home.get(SESSION)).status_code == 200

    @pytest.mark.parametrize("column", ["expires_at", "ends_at"])
    async def test_of_a_session_that_ran_out(
        self, people: People, resources: Resources, column: str
    ) -> None:
        ada = await people.create_and_log_in("ada")
        moment = utc_now() - timedelta(seconds=1)
        await change_session(resources, await current_sid(ada), **{column: moment})
        assert (await ada.get(SESSION)).status_code == 401

    async def test_of_a_renamed_account(self, people: People) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        ada = await people.create_and_log_in("ada")
        await boss.patch("/api/v1/users/ada", json={"uid": "countess"})
        assert (await ada.get(SESSION)).json()["user"]["uid"] == "countess"
