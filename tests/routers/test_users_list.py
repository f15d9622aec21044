"""`GET /users` and `GET /users/{uid}`: pages, search, and who sees what of whom."""

from typing import Any

import httpx
import pytest

from app.models import Role, User
from app.resources import Resources
from app.schemas import fold
from tests.people import People
from tests.wire import ONE_ENGINE

USERS = "/api/v1/users"
PUBLIC = {"id", "uid", "name", "role"}
ACCOUNT = PUBLIC | {"email", "is_active", "created_at", "updated_at"}


async def fill(resources: Resources, *people: tuple[str, str]) -> None:
    """Store accounts (uid, name) that nobody logs in with."""
    async with resources.database.transaction() as session:
        for uid, name in people:
            user = User(uid=uid, uid_folded=fold(uid), name=name, name_folded=fold(name))
            user.email = f"{uid}@example.org"
            session.add(user)


async def uids(client: httpx.AsyncClient, **params: Any) -> list[str]:
    answer = await client.get(USERS, params=params)
    assert answer.status_code == 200, answer.text
    return [user["uid"] for user in answer.json()["items"]]


class TestPages:
    @ONE_ENGINE
    async def test_a_limit_out_of_range(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        for limit in ["0", "-1", "101", "x", "1e3", "9" * 5000, ""]:
            answer = await ada.get(USERS, params={"limit": limit})
            assert answer.status_code == 422, limit
            assert answer.json()["errors"][0]["pointer"] == "/limit", limit

    @ONE_ENGINE
    async def test_a_cursor_that_is_none(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        for cursor in ["x", "%", "AA", "AAAA", "gICA", "\u00fc", "", "x" * 201, "../", " "]:
            answer = await ada.get(USERS, params={"cursor": cursor})
            assert answer.status_code == 422, cursor
            assert answer.json()["errors"][0]["pointer"] == "/cursor", cursor

    async def test_to_the_end_everybody_comes_once(
        self, people: People, resources: Resources
    ) -> None:
        ada = await people.create_and_log_in("ada")
        names = [f"{'pU-._'[n % 5]}{n:03}".strip("-._") for n in range(249)]
        await fill(resources, *((f"u{n}{name}", "A pupil") for n, name in enumerate(names)))
        seen: list[str] = []
        params: dict[str, str] = {"limit": "100"}
        sizes = []
        while True:
            page = (await ada.get(USERS, params=params)).json()
            seen += [user["uid"] for user in page["items"]]
            sizes.append(len(page["items"]))
            if page["next"] is None:
                break
            params["cursor"] = page["next"]
        assert sizes == [100, 100, 50]
        assert len(seen) == len(set(seen)) == 250

    async def test_a_page_that_is_just_full_is_the_last(
        self, people: People, resources: Resources
    ) -> None:
        ada = await people.create_and_log_in("ada")
        await fill(resources, ("bob", "Bob"))
        answer = await ada.get(USERS, params={"limit": 2})
        assert answer.json()["next"] is None

    async def test_fifty_unless_told_otherwise(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        await fill(resources, *((f"pupil{n}", "A pupil") for n in range(60)))
        assert len(await uids(ada)) == 50


class TestSearch:
    async def test_too_long(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        assert (await ada.get(USERS, params={"q": "x" * 101})).status_code == 422

    async def test_in_uid_and_name(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        await fill(
            resources,
            ("hopper", "Grace Hopper"),
            ("walter", "Walter von der Stra\u00dfe"),
            ("adelaide", "Ad\u00e9la\u00efde"),
        )
        for query, found in {
            "grace": ["hopper"],
            "HOP": ["hopper"],
            "\uff27race": ["hopper"],
            "stra\u00dfe": ["walter"],
            "STRASSE": ["walter"],
            "\u00c9LA": ["adelaide"],
            "e\u0301la": ["adelaide"],
            "": ["ada", "adelaide", "hopper", "walter"],
        }.items():
            assert await uids(ada, q=query) == found, query

    async def test_every_character_means_itself(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        await fill(
            resources,
            ("percent", "100% sure"),
            ("under_score", "Somebody"),
            ("back", "A \\ stroke"),
            ("slash", "Either / Or"),
        )
        for query, found in {
            "%": ["percent"],
            "_": ["under_score"],
            "\\": ["back"],
            "/": ["slash"],
            "'; DROP TABLE user; --": [],
        }.items():
            assert await uids(ada, q=query) == found, query

    async def test_pages_through_the_matches(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        await fill(resources, ("bob", "A pupil"), ("cid", "Teacher"), ("dan", "A pupil"))
        page = (await ada.get(USERS, params={"q": "pupil", "limit": 1})).json()
        assert [user["uid"] for user in page["items"]] == ["bob"]
        assert await uids(ada, q="pupil", cursor=page["next"]) == ["dan"]


class TestWhoSeesWhat:
    @pytest.fixture
    async def bob(self, resources: Resources) -> None:
        await fill(resources, ("Bob", "Bob"))

    async def test_nobody_sees_nothing(self, client: httpx.AsyncClient, bob: None) -> None:
        assert bob is None
        assert (await client.get(USERS)).status_code == 401
        assert (await client.get(f"{USERS}/bob")).status_code == 401

    @pytest.mark.parametrize("role", [Role.USER, Role.TEACHER])
    async def test_others_see_the_public_part(self, people: People, bob: None, role: Role) -> None:
        assert bob is None
        ada = await people.create_and_log_in("ada", role=role)
        listed = (await ada.get(USERS)).json()["items"]
        assert {user["uid"]: set(user) for user in listed} == {"ada": ACCOUNT, "Bob": PUBLIC}
        assert (await ada.get(f"{USERS}/bob")).json().keys() == PUBLIC

    async def test_admins_see_all(self, people: People, bob: None) -> None:
        assert bob is None
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        listed = (await boss.get(USERS)).json()["items"]
        assert {user["uid"]: set(user) for user in listed} == {"Bob": ACCOUNT, "boss": ACCOUNT}
        assert (await boss.get(f"{USERS}/bob")).json().keys() == ACCOUNT

    async def test_people_see_all_of_themselves(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        own = (await ada.get(f"{USERS}/ada")).json()
        assert own.keys() == ACCOUNT
        assert own == (await ada.get(f"{USERS}/me")).json()

    async def test_an_email_is_not_found_by_guessing(self, people: People, bob: None) -> None:
        assert bob is None
        ada = await people.create_and_log_in("ada")
        assert await uids(ada, q="bob@example") == []


class TestGetUser:
    async def test_unknown(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        unknown = ["nobody", "%00", "a%2Fb", "..%2Fada", "\u00fc", "%FF", "x" * 5000, " ", "*"]
        for uid in unknown:
            assert (await ada.get(f"{USERS}/{uid}")).status_code == 404, uid

    async def test_in_any_case(self, people: People, resources: Resources) -> None:
        await fill(resources, ("Bob", "Bob"))
        ada = await people.create_and_log_in("ada")
        for spelling in ("bob", "BOB", "\uff22ob"):
            assert (await ada.get(f"{USERS}/{spelling}")).json()["uid"] == "Bob"
