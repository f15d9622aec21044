"""`POST /users` and invitations: who may make an account, and what an account may be called."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.models import Role
from app.resources import Resources
from tests.breached import BREACHED, write_list
from tests.people import PASSWORD, People
from tests.wire import LOGIN, ONE_ENGINE, read_users

USERS = "/api/v1/users"
INVITES = "/api/v1/users/invites"
NEW = {"uid": "ada", "name": "Ada Lovelace", "password": PASSWORD}
ACCOUNT = {"id", "uid", "name", "role", "email", "is_active", "created_at", "updated_at"}


def signup(mode: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("settings_changes", [{"signup": mode}], ids=[mode])


async def invite(people: People) -> str:
    """Return the secret of a fresh invitation."""
    boss = await people.create_and_log_in("boss", role=Role.ADMIN)
    answer = await boss.post(INVITES)
    assert answer.status_code == 201, answer.text
    url: str = answer.json()["url"]
    return parse_qs(urlsplit(url).query)["invite"][0]


class TestBreached:
    @pytest.fixture
    def settings_changes(self, tmp_path: Path) -> dict[str, Any]:
        return {"breached_passwords": write_list(tmp_path / "list", [BREACHED])}

    @ONE_ENGINE
    async def test_is_refused(self, client: httpx.AsyncClient, resources: Resources) -> None:
        answer = await client.post(USERS, json={**NEW, "password": BREACHED})
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert (error["pointer"], error["code"]) == ("/password", "weak_password")
        assert "known from a breach" in error["message"]
        assert not await read_users(resources)
        assert (await client.post(USERS, json=NEW)).status_code == 201


class TestUnfit:
    @ONE_ENGINE
    async def test_fields(self, client: httpx.AsyncClient, resources: Resources) -> None:
        rows: list[tuple[dict[str, Any], str]] = [
            ({"uid": "a"}, "/uid"),
            ({"uid": "a" * 65}, "/uid"),
            ({"uid": "ada lovelace"}, "/uid"),
            ({"uid": "-ada"}, "/uid"),
            ({"uid": "ada."}, "/uid"),
            ({"uid": "\u0430da"}, "/uid"),
            ({"uid": "ada\n"}, "/uid"),
            ({"uid": "../etc"}, "/uid"),
            ({"uid": 7}, "/uid"),
            ({"uid": None}, "/uid"),
            ({"uid": "admin"}, "/uid"),
            ({"uid": "ME"}, "/uid"),
            ({"name": ""}, "/name"),
            ({"name": " \u200d "}, "/name"),
            ({"name": "Ada\u202eecalevoL"}, "/name"),
            ({"name": "Ada\u0000"}, "/name"),
            ({"name": "a" * 101}, "/name"),
            ({"name": "\ufdfa" * 100}, "/name"),
            ({"password": "short"}, "/password"),
            ({"password": "password1234"}, "/password"),
            ({"password": "adalovelace!"}, "/password"),
            ({"password": "x" * 1025}, "/password"),
            ({"email": "nobody"}, "/email"),
            ({"email": "a@b@c.org"}, "/email"),
            ({"email": "ada@example.org\r\nBcc: x@y.org"}, "/email"),
        ]
        for changes, pointer in rows:
            answer = await client.post(USERS, json={**NEW, **changes})
            assert answer.status_code == 422, changes
            assert [error["pointer"] for error in answer.json()["errors"]] == [pointer], changes
            assert not await read_users(resources), changes

    @ONE_ENGINE
    async def test_missing_fields(self, client: httpx.AsyncClient) -> None:
        for field in ["uid", "name", "password"]:
            body = {name: value for name, value in NEW.items() if name != field}
            answer = await client.post(USERS, json=body)
            assert answer.status_code == 422, field
            assert answer.json()["errors"][0]["code"] == "missing", field

    @ONE_ENGINE
    async def test_unknown_and_privileged_fields(
        self, client: httpx.AsyncClient, resources: Resources
    ) -> None:
        for field in [
            "is_active",
            "id",
            "public_id",
            "password_hash",
            "auth_epoch",
            "is_admin",
            "x",
        ]:
            answer = await client.post(USERS, json={**NEW, field: True})
            assert answer.status_code == 422, field
            assert answer.json()["errors"][0]["pointer"] == f"/{field}", field
            assert not await read_users(resources), field

    @ONE_ENGINE
    async def test_a_role_is_not_chosen_by_oneself(
        self, client: httpx.AsyncClient, resources: Resources
    ) -> None:
        for role in ["admin", "teacher", "user"]:
            answer = await client.post(USERS, json={**NEW, "role": role})
            assert answer.status_code == 422, role
            assert not await read_users(resources), role

    async def test_a_role_is_not_chosen_by_a_teacher(self, people: People) -> None:
        teacher = await people.create_and_log_in("turing", role=Role.TEACHER)
        answer = await teacher.post(USERS, json={**NEW, "role": "teacher"})
        assert answer.status_code == 422

    async def test_a_taken_uid(self, client: httpx.AsyncClient, people: People) -> None:
        await people.create("ada")
        for spelling in ["ada", "Ada", "ADA"]:
            answer = await client.post(USERS, json={**NEW, "uid": spelling})
            assert answer.status_code == 409, spelling
            assert answer.json()["type"] == "/problems#uid-taken", spelling
            assert answer.json()["errors"][0]["pointer"] == "/uid", spelling

    async def test_fifty_at_once(self, client: httpx.AsyncClient, resources: Resources) -> None:
        answers = await asyncio.gather(*(client.post(USERS, json=NEW) for _ in range(50)))
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
        assert list(await read_users(resources)) == ["ada"]


class TestSignUp:
    async def test_answers_the_account(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(USERS, json={**NEW, "email": "ada@example.org"})
        assert answer.status_code == 201
        assert answer.headers["Location"] == "/api/v1/users/ada"
        shown = answer.json()
        assert shown.keys() == ACCOUNT
        assert (shown["uid"], shown["name"], shown["role"]) == ("ada", "Ada Lovelace", "user")
        assert shown["email"] == "ada@example.org"

    async def test_then_one_can_log_in(self, client: httpx.AsyncClient) -> None:
        await client.post(USERS, json=NEW)
        assert (await client.post("/api/v1/auth/login", json=LOGIN)).status_code == 200

    async def test_does_not_log_in(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(USERS, json=NEW)
        assert "Set-Cookie" not in answer.headers

    async def test_stores_no_password(
        self, client: httpx.AsyncClient, resources: Resources
    ) -> None:
        await client.post(USERS, json=NEW)
        stored = (await read_users(resources))["ada"].password_hash
        assert stored is not None
        assert stored.startswith("$argon2id$")
        assert PASSWORD not in stored

    async def test_a_hash_is_a_password_like_any_other(
        self, client: httpx.AsyncClient, resources: Resources
    ) -> None:
        theirs = "pbkdf2:sha256:260000$salt$" + "0" * 64
        await client.post(USERS, json={**NEW, "password": theirs})
        assert (await read_users(resources))["ada"].password_hash != theirs

    async def test_names_are_tidied(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(USERS, json={**NEW, "name": "  Ade\u0301lai\u0308de \u3000 X "})
        assert answer.json()["name"] == "Ad\u00e9la\u00efde X"

    async def test_an_empty_email_is_none(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(USERS, json={**NEW, "email": ""})
        assert answer.json()["email"] is None


class TestByAnAdmin:
    @pytest.mark.parametrize("settings_changes", [{"signup": "closed"}])
    @pytest.mark.parametrize("role", ["user", "teacher", "admin"])
    async def test_gives_a_role_whatever_the_mode(self, people: People, role: str) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        answer = await boss.post(USERS, json={**NEW, "role": role})
        assert answer.status_code == 201
        assert answer.json()["role"] == role


@signup("closed")
class TestClosed:
    async def test_nobody_signs_up(self, client: httpx.AsyncClient, resources: Resources) -> None:
        answer = await client.post(USERS, json=NEW)
        assert answer.status_code == 403
        assert answer.json()["type"] == "/problems#signup-closed"
        assert not await read_users(resources)

    async def test_not_even_with_an_invitation(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        answer = await client.post(USERS, json={**NEW, "invite": await invite(people)})
        assert answer.status_code == 403


@signup("invite")
class TestInvite:
    async def test_without_one(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(USERS, json=NEW)
        assert answer.status_code == 403
        assert answer.json()["type"] == "/problems#invite-required"

    async def test_an_unknown_one(self, client: httpx.AsyncClient, resources: Resources) -> None:
        # Text that one of the databases cannot hold is refused as such.
        for secret, status in [("x", 404), ("x" * 43, 404), ("%00", 404), ("\u0000", 422)]:
            answer = await client.post(USERS, json={**NEW, "invite": secret})
            assert answer.status_code == status
            assert not await read_users(resources)

    async def test_a_reset_link_is_none(self, client: httpx.AsyncClient, people: People) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        link = (await boss.post("/api/v1/users/boss/reset")).json()["url"]
        secret = parse_qs(urlsplit(link).query)["token"][0]
        answer = await client.post(USERS, json={**NEW, "invite": secret})
        assert answer.status_code == 404

    async def test_works_once(self, client: httpx.AsyncClient, people: People) -> None:
        secret = await invite(people)
        first = await client.post(USERS, json={**NEW, "invite": secret})
        second = await client.post(USERS, json={**NEW, "uid": "bob", "invite": secret})
        assert [first.status_code, second.status_code] == [201, 404]

    async def test_works_once_for_many_at_once(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        secret = await invite(people)
        bodies = [{**NEW, "uid": f"pupil{number}", "invite": secret} for number in range(8)]
        answers = await asyncio.gather(*(client.post(USERS, json=body) for body in bodies))
        assert sorted(answer.status_code for answer in answers) == [201] + [404] * 7

    async def test_is_not_used_up_by_a_refusal(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        secret = await invite(people)
        taken = await client.post(USERS, json={**NEW, "uid": "boss", "invite": secret})
        weak = await client.post(USERS, json={**NEW, "password": "short", "invite": secret})
        kept = await client.post(USERS, json={**NEW, "invite": secret})
        assert [taken.status_code, weak.status_code, kept.status_code] == [409, 422, 201]


class TestCreateInvite:
    async def test_not_by_users(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.post(INVITES)
        assert answer.status_code == 403
        assert answer.json()["type"] == "/problems#admin-required"

    @pytest.mark.parametrize("settings_changes", [{"public_url": "https://api.school.org"}])
    async def test_links_to_our_own_address_whatever_host_is_claimed(self, people: People) -> None:
        await people.create("boss", role=Role.ADMIN)
        boss = await people.bearer("boss")
        answer = await boss.post(INVITES, headers={"Host": "evil.example"})
        assert answer.json().keys() == {"url", "expires_at"}
        assert answer.json()["url"].startswith("https://api.school.org/signup?invite=")
