"""`/api/users`: everybody in a list, single and many sign-ups, changes by number or name."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.models import Role, Section
from app.plain_statements import PlainStatement
from app.resources import Resources
from tests.legacy.wire import ADA, FIELDS, front_end, log_in, log_in_admin, refused, sign_up
from tests.people import PASSWORD, People
from tests.statements import counting
from tests.wire import ONE_ENGINE, read_users

MISSING = "Authentication Token is missing!"
NOT_OWNER = "Insufficient permissions, user is not owner or admin."
BOTH = pytest.mark.parametrize("path", ["/api/users", "/api/users/"])


class TestList:
    @BOTH
    async def test_nobody(self, app: FastAPI, path: str) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            refused(await page.get(path), 401, MISSING)

    @BOTH
    async def test_shows_others_without_what_is_personal(self, app: FastAPI, path: str) -> None:
        personal = {
            "email": "bob@example.org",
            "dob": "2008-11-30",
            "sid": "42",
            "school": "Poway",
            "kasm_server_needed": True,
            "grade_data": {"a": 1},
            "ap_exam": {"a": 1},
            "hashmap": {"a": 1},
            "class": ["CSA"],
        }
        async with front_end(app) as page:
            bob = await sign_up(page, uid="bob", name="Bob", **personal)
            await sign_up(page)
            await log_in(page)
            found = {user["uid"]: user for user in (await page.get(path)).json()}
            assert found.keys() == {"ada", "bob"}
            assert found["bob"] == {
                **dict.fromkeys(FIELDS),
                "id": bob["id"],
                "uid": "bob",
                "name": "Bob",
                "email": "?",
                "role": "User",
                "roles": [{"name": "User"}],
                "is_admin": False,
                "is_teacher": False,
                "kasm_server_needed": False,
                "school": "Unknown",
                "class": [],
                "sections": [],
                "grade_data": {},
                "ap_exam": {},
                "access": ["ro"],
            }
            assert found["ada"]["access"] == ["rw"]

    async def test_shows_admins_all_of_everybody(self, app: FastAPI, people: People) -> None:
        async with front_end(app) as page:
            bob = await sign_up(page, uid="bob", email="bob@example.org", dob="2008-11-30")
            await log_in_admin(people, page)
            found = (await page.get("/api/users")).json()
            assert {**bob, "access": ["rw"]} in found

    async def test_markup_of_one_person_does_not_run_in_anothers_page(
        self, app: FastAPI, people: People, resources: Resources
    ) -> None:
        """Old pages put names into `innerHTML`; a name is kept and read by its owner as it is."""
        name = "Bob <img src=x onerror='alert(1)'>"
        async with front_end(app) as page:
            await sign_up(page, uid="bob", name=name, school=name, **{"class": ["<b>"]})
            await log_in(page, uid="bob")
            assert (await page.get("/api/id")).json()["name"] == name
            await log_in_admin(people, page)
            found = {user["uid"]: user for user in (await page.get("/api/users")).json()}
            bob = found["bob"]
            assert (
                bob["name"] == bob["school"] == "Bob &lt;img src=x onerror=&#39;alert(1)&#39;&gt;"
            )
            assert bob["class"] == ["&lt;b&gt;"]
            # A page that sends back what it was shown changes nothing.
            again = await page.put("/api/users", json={"uid": "bob", **bob})
            assert {**again.json(), "access": ["rw"]} == bob
        assert (await read_users(resources))["bob"].name == name

    async def test_asks_as_often_for_many_as_for_one(
        self, app: FastAPI, people: People, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The old servers sent one query a row."""
        async with front_end(app) as page:
            await sign_up(page)
            await log_in(page)
            one = await count_reads(monkeypatch, page)
            for number in range(10):
                await people.create(f"pupil{number}")
            many = await count_reads(monkeypatch, page)
        assert many == one
        assert 0 < one <= 4


async def count_reads(monkeypatch: pytest.MonkeyPatch, page: httpx.AsyncClient) -> int:
    """Return how often a list asks the database."""
    count = 0
    fill = PlainStatement.fill

    def see(query: PlainStatement, values: Any) -> Any:
        nonlocal count
        count += 1
        return fill(query, values)

    with monkeypatch.context() as patch, counting() as statements:
        patch.setattr(PlainStatement, "fill", see)
        assert (await page.get("/api/users")).status_code == 200
    return count + len(statements)


class TestCreateOne:
    @BOTH
    async def test_is_a_sign_up(self, app: FastAPI, path: str) -> None:
        body = {**ADA, "dob": "2008-11-30", "role": "Admin"}
        async with front_end(app) as page:
            answer = await page.post(path, json=body)
            assert answer.status_code == 200
            assert answer.json().items() >= {"dob": "11-30-2008", "role": "User"}.items()
            again = await page.post(path, json=body)
            message = "Processed Ada Lovelace, either a format error or User ID ada is duplicate"
            refused(again, 400, message)


class TestCreateMany:
    PUPILS = (
        {"name": "Ada Lovelace", "uid": "ada", "password": PASSWORD},
        {"name": "Grace Hopper", "uid": "grace", "role": "Admin"},
        {"name": "G", "uid": "gg"},
        {"name": "Grace Twin", "uid": "GRACE"},
        "nonsense",
    )

    @pytest.mark.parametrize("body", ["null", '"x"', "7", ""])
    @ONE_ENGINE
    async def test_no_list(self, app: FastAPI, body: str) -> None:
        async with front_end(app) as page:
            refused(
                await page.post("/api/users", content=body), 400, "Expected a list of user data"
            )

    @BOTH
    async def test_nobody_and_pupils_may_not(
        self, app: FastAPI, resources: Resources, path: str
    ) -> None:
        async with front_end(app) as page:
            forbidden = "Insufficient permissions."
            refused(await page.post(path, json=list(self.PUPILS)), 403, forbidden)
            await sign_up(page, uid="eve")
            await log_in(page, uid="eve")
            refused(await page.post(path, json=list(self.PUPILS)), 403, forbidden)
        assert set(await read_users(resources)) == {"eve"}

    async def test_too_many(self, app: FastAPI, people: People) -> None:
        async with front_end(app) as page:
            await log_in_admin(people, page)
            answer = await page.post("/api/users", json=[{}] * 501)
            refused(answer, 400, "Send at most 500 users at once")

    async def test_takes_what_will_do_and_names_the_rest(
        self, app: FastAPI, people: People, resources: Resources
    ) -> None:
        async with front_end(app) as page:
            await log_in_admin(people, page)
            answer = await page.post("/api/users", json=list(self.PUPILS))
            assert answer.status_code == 200
            duplicate = "Processed Grace Twin, either a format error or User ID GRACE is duplicate"
            assert answer.json() == {
                "errors": [
                    {"message": "Name is missing, or is less than 2 characters"},
                    {"message": duplicate},
                    {"message": "Expected a list of user data"},
                ],
                "success_count": 2,
                "error_count": 3,
            }
            users = await read_users(resources)
            assert users.keys() == {"ada", "grace", "root.admin"}
            assert users["grace"].role is Role.USER
            await log_in(page)

    async def test_into_their_sections(
        self, app: FastAPI, people: People, resources: Resources
    ) -> None:
        async with resources.database.transaction() as session:
            session.add(Section(abbreviation="CSA", abbreviation_folded="csa", name="Java"))
        ours = [{"abbreviation": "CSA", "year": "2031"}]
        pupils = [
            {**ADA, "sections": ours},
            {**ADA, "uid": "bob", "sections": [{"abbreviation": "XX"}]},
            {**ADA, "uid": "cyd", "sections": [{"abbreviation": "CSA", "year": 7}]},
            {**ADA, "uid": "dan", "sections": ["CSA", None, 7]},
        ]
        async with front_end(app) as page:
            await log_in_admin(people, page)
            answer = (await page.post("/api/users", json=pupils)).json()
            assert [error["message"] for error in answer["errors"]] == [
                "Failed to add sections ['XX'] to user bob",
                "Failed to add sections ['CSA'] to user cyd",
            ]
            assert set(await read_users(resources)) >= {"ada", "bob", "cyd", "dan"}
            await log_in(page)
            (own,) = (await page.get("/api/user/section")).json()["sections"]
            assert (own["abbreviation"], own["year"]) == ("CSA", 2031)

    async def test_without_a_password_nobody_can_guess_it(
        self, app: FastAPI, people: People, resources: Resources
    ) -> None:
        async with front_end(app) as page:
            await log_in_admin(people, page)
            pupils = [{"name": "Pupil", "uid": uid} for uid in ("one", "two")]
            await page.post("/api/users", json=pupils)
        users = await read_users(resources)
        assert users["one"].password_hash != users["two"].password_hash


class TestChangeRefusals:
    @BOTH
    async def test_nobody(self, app: FastAPI, path: str) -> None:
        async with front_end(app) as page:
            refused(await page.put(path, json={"id": 1, "name": "Eve"}), 401, MISSING)

    @pytest.mark.parametrize("body", [{}, {"name": "Eve"}, {"id": None}, {"uid": ""}])
    async def test_whom(self, app: FastAPI, body: dict[str, Any]) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            await log_in(page)
            refused(await page.put("/api/users", json=body), 400, "User ID is required")

    @pytest.mark.parametrize(
        "unknown", [{"id": 99999}, {"id": "99999999999999"}, {"uid": "nobody"}]
    )
    async def test_somebody_else(
        self, app: FastAPI, people: People, resources: Resources, unknown: dict[str, Any]
    ) -> None:
        async with front_end(app) as page:
            bob = await sign_up(page, uid="bob", name="Bob")
            await sign_up(page)
            await log_in(page)
            for body in ({"id": bob["id"]}, {"uid": "bob"}, unknown):
                answer = await page.put("/api/users", json={**body, "name": "Eve"})
                refused(answer, 403, NOT_OWNER)
            await log_in_admin(people, page)
            answer = await page.put("/api/users", json={**unknown, "name": "Eve"})
            refused(answer, 404, f"User {next(iter(unknown.values()))} not found")
        assert (await read_users(resources))["bob"].name == "Bob"


class TestChange:
    @BOTH
    async def test_oneself_by_number(self, app: FastAPI, path: str) -> None:
        async with front_end(app) as page:
            me = await sign_up(page)
            await log_in(page)
            body = {"id": str(me["id"]), "name": "Ada King", "dob": "2008-11-30"}
            answer = await page.put(path, json=body)
            assert answer.status_code == 200
            assert answer.json().items() >= {"name": "Ada King", "dob": "11-30-2008"}.items()

    async def test_a_new_uid_by_number_logs_out(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            me = await sign_up(page)
            await log_in(page)
            answer = await page.put("/api/users", json={"id": me["id"], "uid": "countess"})
            assert answer.json()["uid"] == "countess"
            assert (await page.get("/api/id")).status_code == 401

    async def test_anybody_by_an_admin(self, app: FastAPI, people: People) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            await log_in_admin(people, page)
            body = {"uid": "ada", "name": "Ada King", "dob": "2008-11-30", "role": "Teacher"}
            answer = await page.put("/api/users", json=body)
            assert answer.status_code == 200
            assert answer.json().items() >= {"name": "Ada King", "role": "Teacher"}.items()
