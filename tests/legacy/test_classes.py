"""`/api/user/class`: the names of classes in a profile."""

from typing import Any

import pytest
from fastapi import FastAPI

from app.models import Role
from tests.legacy.wire import front_end, log_in, refused, sign_up
from tests.people import People

PATH = "/api/user/class"
MISSING = "Authentication Token is missing!"


class TestRefusals:
    @pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
    @pytest.mark.parametrize("path", [PATH, f"{PATH}/"])
    async def test_nobody(self, app: FastAPI, method: str, path: str) -> None:
        async with front_end(app) as page:
            refused(await page.request(method, path, json={"class": ["CSA"]}), 401, MISSING)

    @pytest.mark.parametrize(
        ("method", "body", "message"),
        [
            ("POST", {}, "No classes provided to add"),
            ("POST", {"class": [], "action": "remove"}, "No classes provided to remove"),
            ("POST", {"class": 7}, "No classes provided to add"),
            (
                "POST",
                {"class": ["CSA"], "action": "explode"},
                'Invalid action. Use "add", "remove", or "clear"',
            ),
            ("PUT", {}, "class list is required for PUT"),
        ],
    )
    async def test_bodies(
        self, app: FastAPI, method: str, body: dict[str, Any], message: str
    ) -> None:
        async with front_end(app) as page:
            await sign_up(page, **{"class": ["CSP"]})
            await log_in(page)
            refused(await page.request(method, PATH, json=body), 400, message)
            assert (await page.get(PATH)).json() == {"uid": "ada", "class": ["CSP"]}

    async def test_others_are_not_named_by_those_who_may_not(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page, uid="bob", **{"class": ["CSP"]})
            await sign_up(page)
            await log_in(page)
            assert (await page.get(f"{PATH}?uid=bob")).json() == {"uid": "ada", "class": []}
            answer = await page.put(PATH, json={"uid": "bob", "class": ["CSA"]})
            assert answer.json() == {"uid": "ada", "class": ["CSA"]}


class TestList:
    async def test_add_remove_clear_replace(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            await log_in(page)
            for method, body, classes in [
                ("POST", {"class": ["CSA", "CSP"]}, ["CSA", "CSP"]),
                ("POST", {"classes": "CSSE", "action": "add"}, ["CSA", "CSP", "CSSE"]),
                ("POST", {"class": ["CSA"]}, ["CSA", "CSP", "CSSE"]),
                ("POST", {"class": ["CSP", "XX"], "action": "remove"}, ["CSA", "CSSE"]),
                ("PUT", {"class": ["CSP"]}, ["CSP"]),
                ("PUT", {"class": []}, []),
            ]:
                answer = await page.request(method, PATH, json=body)
                assert (answer.status_code, answer.json()) == (
                    200,
                    {"uid": "ada", "class": classes},
                )
                assert (await page.get("/api/id")).json()["class"] == classes
            await page.put(PATH, json={"class": ["CSP"]})
            answer = await page.post(PATH, json={"action": "clear"})
            assert answer.json() == {"message": "Cleared classes for ada"}
            assert (await page.get(PATH)).json()["class"] == []

    async def test_somebody_elses_by_an_admin(self, app: FastAPI, people: People) -> None:
        await people.create("root.admin", role=Role.ADMIN)
        async with front_end(app) as page:
            await sign_up(page)
            await log_in(page, uid="root.admin")
            answer = await page.put(PATH, json={"uid": "ada", "class": ["CSA"]})
            assert answer.json() == {"uid": "ada", "class": ["CSA"]}
            assert (await page.get(f"{PATH}?uid=ada")).json()["class"] == ["CSA"]
            refused(await page.get(f"{PATH}?uid=nobody"), 404, "User nobody not found")
            assert (await page.get(PATH)).json()["uid"] == "root.admin"

    async def test_markup_of_one_person_does_not_run_in_an_admins_page(
        self, app: FastAPI, people: People
    ) -> None:
        await people.create("root.admin", role=Role.ADMIN)
        written, shown = "<img src=x onerror=eval(name)>", "&lt;img src=x onerror=eval(name)&gt;"
        async with front_end(app) as page:
            await sign_up(page, **{"class": [written]})
            await log_in(page)
            # What people read about themselves is as they wrote it.
            assert (await page.get(PATH)).json()["class"] == [written]
            await log_in(page, uid="root.admin")
            answers = [
                await page.get(f"{PATH}?uid=ada"),
                await page.post(PATH, json={"uid": "ada", "class": ["CSA"]}),
                await page.put(PATH, json={"uid": "ada", "class": [shown]}),
            ]
            found = [answer.json()["class"] for answer in answers]
            assert found == [[shown], [shown, "CSA"], [shown]]
