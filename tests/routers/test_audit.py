"""`/api/v1/audit`: for admins alone, with filters that take only what there is, page by page."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from app.models import Role
from app.resources import Resources
from tests.people import PASSWORD, People
from tests.security.tampering import tamper
from tests.wire import ONE_ENGINE

PATH = "/api/v1/audit"
KEYS = {
    *("number", "action", "occurred_at", "actor", "subject"),
    *("client_address", "request_id", "detail"),
}


@pytest.fixture
async def root(people: People) -> httpx.AsyncClient:
    """An admin's client, on a site with two more accounts."""
    await people.create("ada")
    await people.create("bob")
    return await people.create_and_log_in("grace", role=Role.ADMIN)


async def read(client: httpx.AsyncClient, **params: str | int) -> list[str]:
    """Return what was found, as `action about-whom`."""
    answer = await client.get(PATH, params=params)
    assert answer.status_code == 200, answer.text
    events = answer.json()["items"]
    return [f"{event['action']} {(event['subject'] or {}).get('uid')}" for event in events]


class TestRefused:
    async def test_nobody(self, people: People) -> None:
        answer = await (await people.visitor()).get(PATH)
        assert answer.status_code == 401
        assert "WWW-Authenticate" in answer.headers

    @pytest.mark.parametrize("role", [Role.USER, Role.TEACHER])
    async def test_other_roles(self, people: People, role: Role) -> None:
        ada = await people.create_and_log_in("ada", role=role)
        answer = await ada.get(PATH)
        assert answer.status_code == 403
        assert "items" not in answer.json()

    @ONE_ENGINE
    @pytest.mark.parametrize(
        "params",
        [
            *({"action": "flown"}, {"action": "login' OR '1"}, {"person": "x" * 65}),
            *({"since": "yesterday"}, {"since": "2026-02-30"}, {"until": "0000-01-01"}),
            *({"since": "٢٠٢٦-11-24"}, {"since": "2026-11-24T00:00"}, {"until": "2026-1-1"}),
            *({"limit": "0"}, {"limit": "101"}, {"cursor": "!"}, {"cursor": "x" * 201}),
            *({"cursor": "LTE"}, {"cursor": "MTAwMDAwMDAwMDA"}, {"cursor": "2aE"}),
        ],
        ids=str,
    )
    async def test_what_no_list_takes(
        self, root: httpx.AsyncClient, params: dict[str, str]
    ) -> None:
        """Among the cursors -1, ten digits, and a digit that is not of ASCII."""
        assert (await root.get(PATH, params=params)).status_code == 422


class TestList:
    async def test_newest_first(self, root: httpx.AsyncClient) -> None:
        created = [f"account-created {uid}" for uid in ("grace", "bob", "ada")]
        assert await read(root) == ["login grace", *created]

    async def test_has_these_keys_and_no_more(self, root: httpx.AsyncClient) -> None:
        (event, *_) = (await root.get(PATH)).json()["items"]
        assert event.keys() == KEYS
        assert event["subject"].keys() == {"id", "uid"}
        assert event["detail"] == {"kind": "cookie"}

    async def test_one_action(self, root: httpx.AsyncClient) -> None:
        assert await read(root, action="login") == ["login grace"]
        assert await read(root, action="keys-rotated") == []

    async def test_one_person_as_subject_and_as_actor(self, root: httpx.AsyncClient) -> None:
        await root.patch("/api/v1/users/bob", json={"role": "teacher"})
        assert await read(root, person="BOB") == ["role-changed bob", "account-created bob"]
        assert "role-changed bob" in await read(root, person="grace")

    @pytest.mark.parametrize("person", ["nobody", "%", "\x00", "\ud800".encode("utf-8", "replace")])
    async def test_a_person_who_is_not_there(self, root: httpx.AsyncClient, person: str) -> None:
        assert await read(root, person=person) == []

    async def test_somebody_who_is_gone(self, root: httpx.AsyncClient) -> None:
        await root.delete("/api/v1/users/bob")
        (event, *_) = (await root.get(PATH)).json()["items"]
        assert (event["action"], event["subject"]["uid"]) == ("account-deleted", None)
        public_id = event["subject"]["id"]
        assert await read(root, person=public_id) == [
            "account-deleted None",
            "account-created None",
        ]

    async def test_days_count_whole(self, root: httpx.AsyncClient) -> None:
        today = datetime.now(UTC).date()
        tomorrow = today + timedelta(days=1)
        yesterday = today - timedelta(days=1)
        # The day may end between two statements.
        assert len(await read(root, since=str(yesterday), until=str(tomorrow))) == 4
        assert await read(root, since=str(tomorrow + timedelta(days=1))) == []
        assert await read(root, until=str(yesterday - timedelta(days=1))) == []

    async def test_the_ends_of_the_calendar(self, root: httpx.AsyncClient) -> None:
        assert len(await read(root, since="0001-01-01", until="9999-12-31")) == 4

    async def test_nothing_chosen_is_everything(self, root: httpx.AsyncClient) -> None:
        assert len(await read(root, action="", person="", since="", until="")) == 4

    async def test_page_by_page(self, root: httpx.AsyncClient) -> None:
        """What happens meanwhile comes before the first page and shifts nothing."""
        seen, cursor = [], ""
        while True:
            params: dict[str, str | int] = {"limit": 3, **({"cursor": cursor} if cursor else {})}
            page = (await root.get(PATH, params=params)).json()
            seen += [event["number"] for event in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
            await root.patch("/api/v1/users/bob", json={"name": f"Bob {len(seen)}"})
        assert seen == [4, 3, 2, 1]

    async def test_an_event_that_somebody_damaged(
        self, root: httpx.AsyncClient, resources: Resources
    ) -> None:
        await tamper(resources, "UPDATE audit_event SET detail = '[1]' WHERE id = 2")
        items = (await root.get(PATH)).json()["items"]
        assert [event["action"] for event in items][2] == "unreadable"
        assert items[2]["number"] == 2

    async def test_no_password_whatever_is_typed_where(
        self, root: httpx.AsyncClient, people: People
    ) -> None:
        visitor = await people.visitor()
        for uid, password in (("hunter2-hunter2", "x"), ("ada", "hunter2-hunter2")):
            await visitor.post("/api/v1/auth/login", json={"uid": uid, "password": password})
        answer = await root.get(PATH)
        assert (await read(root))[:2] == ["login-failed ada", "login-failed None"]
        assert "hunter2" not in answer.text
        assert PASSWORD not in answer.text
