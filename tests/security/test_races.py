"""Fifty requests at one moment for what only one may get, round after round, on both databases.

By default some rounds of each; `make races` runs a hundred. Each round checks all the answers and
then the tables. Races inside the services, at points where time can be stopped, are tested in
tests/services; the old pages' own race of a password with a log-out in tests/legacy.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlmodel import col, select

from app.models import (
    LinkPurpose,
    Membership,
    OneTimeLink,
    Role,
    Section,
    User,
    UserSession,
    utc_now,
)
from app.principals import OPERATOR
from app.resources import Resources
from app.services import credentials, links, logins
from tests.people import PASSWORD, People
from tests.wire import change_user, current_sid, read_session, visitor

AT_ONCE = 50
USERS = "/api/v1/users"


@pytest.fixture
def settings_changes() -> dict[str, Any]:
    """Time for everybody's hash, however slow the machine is: who waits too long gets a 503.

    And no end of what one person may change: a hundred rounds are more than a person's hour.
    """
    return {"hash_deadline_seconds": 60, "changes_per_hour": 0, "logins_per_hour": 0}


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> range:
    return range(int(request.config.getoption("races")))


async def at_once(requests: Iterable[Awaitable[httpx.Response]]) -> list[httpx.Response]:
    """Send everything at one moment; nothing may crash, and nobody may be sent away as too many."""
    answers = await asyncio.gather(*requests)
    assert [answer.text for answer in answers if answer.status_code >= 500] == []
    assert len(answers) == AT_ONCE
    return answers


async def send(app: FastAPI, place: int, method: str, path: str, **sent: Any) -> httpx.Response:
    """Ask from an address of one's own, so that no limit by address decides the race."""
    async with visitor(app, address=f"198.51.100.{place + 1}") as client:
        return await client.request(method, path, **sent)


def tally(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


async def read_all(resources: Resources, query: Any) -> list[Any]:
    async with resources.database.transaction(read_only=True) as session:
        return list((await session.exec(query)).all())


class TestSignUpOfOneUid:
    @staticmethod
    async def _is_alone(resources: Resources, uid: str) -> None:
        """One account, nothing else new, and somebody can log in to it."""
        found = await read_all(resources, select(User).where(User.uid_folded == uid))
        assert len(found) == 1
        assert found[0].role is Role.USER
        await logins.authenticate(resources, OPERATOR, uid=uid, password=SecretStr(PASSWORD))

    async def test_the_api(self, app: FastAPI, resources: Resources, rounds: range) -> None:
        for number in rounds:
            uid = f"newcomer{number}"
            bodies = [
                {"uid": uid.upper() if place % 2 else uid, "name": f"N {place}"}
                for place in range(AT_ONCE)
            ]
            answers = await at_once(
                send(app, place, "POST", USERS, json={**body, "password": PASSWORD})
                for place, body in enumerate(bodies)
            )
            assert tally(answers) == {201: 1, 409: AT_ONCE - 1}
            await self._is_alone(resources, uid)
        assert len(await read_all(resources, select(User))) == len(rounds)

    async def test_all_ways_in(self, app: FastAPI, resources: Resources, rounds: range) -> None:
        """The API says 201 or 409, a page leads on or says 409, the old wire says 200 or 400."""
        ways: list[tuple[str, str, int]] = [
            (USERS, "json", 201),
            ("/signup", "data", 303),
            ("/api/user", "json", 200),
            ("/api/users", "json", 200),
            ("/api/user/guest", "json", 200),
        ]
        for number in rounds:
            uid = f"newcomer{number}"
            body = {"uid": uid, "name": "New Comer", "password": PASSWORD}
            answers = await at_once(
                send(app, place, "POST", path, **{kind: body})
                for place, (path, kind, _) in enumerate(ways * (AT_ONCE // len(ways)))
            )
            taken = [
                answer.status_code == ways[place % len(ways)][2]
                for place, answer in enumerate(answers)
            ]
            assert sum(taken) == 1
            assert {answer.status_code for answer in answers} <= {200, 201, 303, 400, 409}
            await self._is_alone(resources, uid)
        # An account whose page lost has no session either.
        sessions = await read_all(resources, select(UserSession))
        users = await read_all(resources, select(User))
        assert len(users) == len(rounds)
        assert len(sessions) == len({item.user_id for item in sessions}) <= len(rounds)


def removals(uid: str, user_id: int | None) -> list[tuple[str, str, dict[str, Any]]]:
    """Return every request by which an admin takes another's rights away."""
    return [
        ("PATCH", f"{USERS}/{uid}", {"json": {"role": "user"}}),
        ("PATCH", f"{USERS}/{uid}", {"json": {"is_active": False}}),
        ("DELETE", f"{USERS}/{uid}", {}),
        ("POST", f"/admin/users/{uid}", {"data": {"role": "teacher", "is_active": "on"}}),
        ("POST", f"/admin/users/{uid}", {"data": {"role": "admin"}}),
        ("POST", f"/admin/users/{uid}/delete", {}),
        ("PUT", "/api/user", {"json": {"uid": uid, "role": "User"}}),
        ("PUT", "/api/users", {"json": {"id": user_id, "role": "User"}}),
        ("DELETE", "/api/user", {"json": {"uid": uid}}),
        ("DELETE", f"/users/delete/{user_id}", {}),
    ]


class TestLastAdmin:
    async def _race(self, people: People, pair: list[str]) -> list[httpx.Response]:
        """Let two admins remove each other in every way, 25 times each."""
        requests = []
        for other in reversed(pair):
            target = await people.create(other, role=Role.ADMIN)
            ways = removals(other, target.id)
            requests.append([ways[place % len(ways)] for place in range(AT_ONCE // 2)])
        clients = [await people.log_in(uid) for uid in pair]
        return await at_once(
            clients[place % 2].request(method, path, **sent)
            for place, (method, path, sent) in enumerate(
                way for ways in zip(*requests, strict=True) for way in ways
            )
        )

    async def test_two_who_remove_each_other(
        self, people: People, resources: Resources, rounds: range
    ) -> None:
        for number in rounds:
            pair = [f"admin{number}a", f"admin{number}b"]
            statuses = tally(await self._race(people, pair))
            # What the loser still sends finds itself refused, or the winner the last.
            assert statuses.keys() <= {200, 204, 303, 401, 403, 404, 409}
            assert sum(statuses[good] for good in (200, 204, 303)) >= 1
            query = select(User).where(User.role == Role.ADMIN, col(User.is_active))
            (survivor,) = await read_all(resources, query)
            assert survivor.uid in pair
            await change_user(resources, survivor.uid, role=Role.USER)


class TestRefresh:
    async def test_of_one_token_has_one_child(
        self, app: FastAPI, people: People, resources: Resources, rounds: range
    ) -> None:
        await people.create("ada")
        form = {"username": "ada", "password": PASSWORD}
        first = (await send(app, 0, "POST", "/api/v1/auth/token", data=form)).json()
        token, access = first["refresh_token"], first["access_token"]
        sid = ""
        for number in rounds:
            answers = await at_once(
                send(app, place, "POST", "/api/v1/auth/refresh", json={"refresh_token": token})
                for place in range(AT_ONCE)
            )
            assert tally(answers) == {200: AT_ONCE}
            (child,) = {answer.json()["refresh_token"] for answer in answers}
            assert child != token
            token, access = child, answers[-1].json()["access_token"]
            async with visitor(app, headers={"Authorization": f"Bearer {access}"}) as client:
                sid = await current_sid(client)
            assert (await read_session(resources, sid)).refresh_counter == number + 1
        (only,) = await read_all(resources, select(UserSession))
        assert (only.sid, only.revoked_at) == (sid, None)

    async def test_of_a_grandparent_ends_it_for_all(
        self, app: FastAPI, people: People, resources: Resources, rounds: range
    ) -> None:
        """A thief and the owner at one moment: from the first replay on nobody gets anything."""
        await people.create("ada")
        form = {"username": "ada", "password": PASSWORD}
        for _ in rounds:
            pair = (await send(app, 0, "POST", "/api/v1/auth/token", data=form)).json()
            tokens = [pair["refresh_token"]]
            for _generation in range(2):
                body = {"refresh_token": tokens[-1]}
                moved = await send(app, 0, "POST", "/api/v1/auth/refresh", json=body)
                tokens.append(moved.json()["refresh_token"])
            answers = await at_once(
                send(app, place, "POST", "/api/v1/auth/refresh", json={"refresh_token": token})
                for place, token in enumerate(tokens[::2] * (AT_ONCE // 2))
            )
            assert all(answer.status_code == 401 for answer in answers[::2])
            again = await send(
                app, 0, "POST", "/api/v1/auth/refresh", json={"refresh_token": tokens[-1]}
            )
            assert again.status_code == 401
            living = select(UserSession).where(col(UserSession.revoked_at).is_(None))
            assert await read_all(resources, living) == []


class TestOneTimeLinks:
    @pytest.mark.parametrize("settings_changes", [{"signup": "invite"}])
    async def test_an_invitation_lets_one_in(
        self, app: FastAPI, resources: Resources, rounds: range
    ) -> None:
        for number in rounds:
            async with resources.database.transaction() as session:
                link = await credentials.create_invite(session, OPERATOR, resources=resources)
            invite = link.url.rpartition("=")[2]
            bodies = [
                {"uid": f"n{number}-{place}", "name": "New", "password": PASSWORD, "invite": invite}
                for place in range(AT_ONCE)
            ]
            answers = await at_once(
                send(app, place, "POST", USERS, json=body)
                if place % 2
                else send(app, place, "POST", "/signup", data=body)
                for place, body in enumerate(bodies)
            )
            statuses = tally(answers)
            assert statuses[201] + statuses[303] == 1
            assert statuses[404] == AT_ONCE - 1
            assert len(await read_all(resources, select(User))) == number + 1
            assert await read_all(resources, select(OneTimeLink)) == []

    async def test_a_reset_link_sets_one_password(
        self, app: FastAPI, people: People, resources: Resources, rounds: range
    ) -> None:
        ada = await people.create("ada")
        await people.log_in("ada")
        for number in rounds:
            async with resources.database.transaction() as session:
                link = await links.create_link(
                    session,
                    purpose=LinkPurpose.RESET,
                    settings=resources.settings,
                    now=utc_now(),
                    user_id=ada.id,
                )
            token = link.url.rpartition("=")[2]
            new = [f"a sentence of round {number}, place {place}" for place in range(AT_ONCE)]
            answers = await at_once(
                send(
                    app,
                    place,
                    "POST",
                    "/api/v1/auth/reset",
                    json={"token": token, "new_password": text},
                )
                for place, text in enumerate(new)
            )
            assert tally(answers) == {204: 1, 404: AT_ONCE - 1}
            winner = next(place for place, found in enumerate(answers) if found.is_success)
            login = {"uid": "ada", "password": new[winner]}
            assert (await send(app, 0, "POST", "/api/v1/auth/login", json=login)).is_success
            assert await read_all(resources, select(OneTimeLink)) == []
            (user,) = await read_all(resources, select(User))
            assert user.auth_epoch == number + 1


class TestJoiningASection:
    async def test_by_all_ways_makes_one_membership(
        self, people: People, resources: Resources, rounds: range
    ) -> None:
        ada = await people.create("ada")
        client = await people.log_in("ada")
        for number in rounds:
            name = f"CS{number}"
            async with resources.database.transaction() as session:
                new = Section(abbreviation=name, abbreviation_folded=name.lower(), name=name)
                session.add(new)
            ways: list[tuple[str, str, dict[str, Any]]] = [
                ("PUT", f"{USERS}/me/sections/{name}", {"json": {}}),
                ("PUT", f"{USERS}/me/sections/{name.lower()}", {"json": {"year": 2030}}),
                ("POST", "/sections/join", {"data": {"section": name}}),
                ("POST", "/api/user/section", {"json": {"sections": [name, name.lower()]}}),
                ("POST", "/api/user/section", {"json": {"sections": [name]}}),
            ]
            answers = await at_once(
                client.request(method, path, **sent)
                for method, path, sent in ways * (AT_ONCE // len(ways))
            )
            statuses = tally(answers)
            assert statuses.keys() <= {200, 201, 303}
            assert statuses[201] <= 1
            mine = select(Membership).where(Membership.section_id == new.id)
            (membership,) = await read_all(resources, mine)
            assert (membership.user_id, membership.year) == (ada.id, 2030)

    async def test_by_the_api_is_new_once(
        self, people: People, resources: Resources, rounds: range
    ) -> None:
        client = await people.create_and_log_in("ada")
        for number in rounds:
            name = f"CS{number}"
            async with resources.database.transaction() as session:
                session.add(Section(abbreviation=name, abbreviation_folded=name.lower(), name=name))
            answers = await at_once(
                client.put(f"{USERS}/me/sections/{name}", json={}) for _ in range(AT_ONCE)
            )
            assert tally(answers) == {201: 1, 200: AT_ONCE - 1}
            assert len(await read_all(resources, select(Membership))) == number + 1
