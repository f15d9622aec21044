"""The page of sections: joining and leaving; for staff, who is in them; for admins, deleting."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import pytest

from app.models import Role
from app.principals import OPERATOR, Actor
from app.resources import Resources
from app.schemas import SectionCreate
from app.services import sections
from app.services.sections import school_year
from tests.markup import Markup, read
from tests.people import People

HTML = {"Accept": "text/html"}
YEAR = school_year(datetime.now(UTC))
NEW = {"abbreviation": "CSSE", "name": "Software Engineering", "theme": ""}


@pytest.fixture
async def school(resources: Resources) -> None:
    async with resources.database.transaction() as session:
        for abbreviation, name in (("CSA", "Computer Science A"), ("AP + é", "A <b>name</b>")):
            new = SectionCreate(abbreviation=abbreviation, name=name)
            await sections.create_section(session, OPERATOR, new=new)


async def log_in(people: People, uid: str, role: Role = Role.USER) -> httpx.AsyncClient:
    client = await people.create_and_log_in(uid, role=role)
    client.headers.update(HTML)
    return client


async def names(client: httpx.AsyncClient) -> list[str]:
    return [item["abbreviation"] for item in (await client.get("/api/v1/sections")).json()["items"]]


def forms(page: Markup) -> list[str]:
    """Return where the forms of a page go to."""
    return [attrs["action"] for tag, attrs in page.elements if tag == "form"]


def links(page: Markup) -> list[str]:
    return [attrs["href"] for tag, attrs in page.elements if tag == "a"]


class TestNotForOthers:
    @pytest.mark.parametrize("path", ["/sections", "/sections/", "/sections/CSA"])
    async def test_a_stranger_is_led_to_the_login(
        self, client: httpx.AsyncClient, school: None, path: str
    ) -> None:
        del school
        answer = await client.get(path, headers=HTML)
        assert answer.status_code == 303
        assert urlsplit(answer.headers["location"]).path == "/login"
        assert "CSA" not in answer.text

    @pytest.mark.parametrize(
        ("role", "method", "path"),
        [
            (Role.USER, "GET", "/sections/CSA"),
            (Role.USER, "GET", "/sections/none"),
            (Role.USER, "POST", "/sections"),
            (Role.USER, "GET", "/sections/CSA/delete"),
            (Role.TEACHER, "GET", "/sections/CSA/delete"),
            (Role.TEACHER, "POST", "/sections/CSA/delete"),
        ],
    )
    async def test_others_may_not(
        self, people: People, school: None, role: Role, method: str, path: str
    ) -> None:
        del school
        other = await log_in(people, "ada", role)
        answer = await other.request(method, path, data=NEW if method == "POST" else None)
        assert answer.status_code == 403
        assert await names(other) == ["AP + é", "CSA"]

    async def test_and_are_not_shown_the_way(self, people: People, school: None) -> None:
        del school
        page = read(await (await log_in(people, "ada")).get("/sections"))
        assert "/sections" not in forms(page)
        assert not [link for link in links(page) if link.startswith("/sections/")]

    async def test_a_link_changes_nothing(self, people: People, school: None) -> None:
        del school
        boss = await log_in(people, "boss", Role.ADMIN)
        for path in ("/sections/join", "/sections/leave", "/sections/CSA/delete"):
            await boss.get(path, params={"section": "CSA"})
        assert await names(boss) == ["AP + é", "CSA"]
        assert "You are in it" not in read(await boss.get("/sections")).text


class TestList:
    async def test_of_none(self, people: People) -> None:
        ada = await log_in(people, "ada")
        page = read(await ada.get("/sections"))
        assert "There are no sections yet. A teacher creates them." in page.text
        turing = await log_in(people, "turing", Role.TEACHER)
        page = read(await turing.get("/sections/"))
        assert "There are no sections yet. Create the first one below." in page.text

    @pytest.mark.parametrize("path", ["/sections", "/sections/"])
    async def test_join_and_leave(self, people: People, school: None, path: str) -> None:
        del school
        ada = await log_in(people, "ada")
        page = read(await ada.get(path))
        assert forms(page).count("/sections/join") == 2
        assert "A <b>name</b>" in page.text
        answer = await ada.post("/sections/join", data={"section": "CSA"})
        assert answer.status_code == 303
        page = read(await ada.get(answer.headers["location"]))
        assert "You are in the section." in page.text
        assert f"CSA You are in it, {YEAR}" in page.text
        assert forms(page).count("/sections/leave") == 1
        answer = await ada.post("/sections/leave", data={"section": "CSA"})
        assert answer.status_code == 303
        page = read(await ada.get(answer.headers["location"]))
        assert "You have left the section." in page.text
        assert "You are in it" not in page.text

    @pytest.mark.parametrize("form", [{"section": "none"}, {"section": ""}, {"other": "CSA"}])
    async def test_what_is_not_there(
        self, people: People, school: None, form: dict[str, str]
    ) -> None:
        del school
        ada = await log_in(people, "ada")
        for path in ("/sections/join", "/sections/leave"):
            answer = await ada.post(path, data=form)
            assert answer.status_code == 404
            assert read(answer).text


class TestCreate:
    async def test_refused_fields(self, people: People, school: None) -> None:
        del school
        turing = await log_in(people, "turing", Role.TEACHER)
        answer = await turing.post("/sections", data={**NEW, "abbreviation": "A/B", "name": ""})
        assert answer.status_code == 422
        page = read(answer)
        assert page.message("abbreviation") == "Error: Leave out / \\ ? # and %."
        assert page.message("name") == "Error: Enter a name."
        assert page.fields["abbreviation"]["value"] == "A/B"
        assert await names(turing) == ["AP + é", "CSA"]

    async def test_taken(self, people: People, school: None) -> None:
        del school
        turing = await log_in(people, "turing", Role.TEACHER)
        answer = await turing.post("/sections", data={**NEW, "abbreviation": "csa"})
        assert answer.status_code == 409
        assert "There is a section with that abbreviation" in read(answer).message("abbreviation")

    async def test_by_staff(self, people: People) -> None:
        for uid, role, theme in (("turing", Role.TEACHER, ""), ("boss", Role.ADMIN, " Art ")):
            client = await log_in(people, uid, role)
            form = {"abbreviation": uid, "name": "Robotics", "theme": theme}
            answer = await client.post("/sections", data=form)
            assert answer.status_code == 303
            assert (
                "The section is created." in read(await client.get(answer.headers["location"])).text
            )
        found = (await client.get("/api/v1/sections")).json()["items"]
        assert [item["theme"] for item in found] == ["Art", None]


class TestSection:
    async def test_none(self, people: People) -> None:
        boss = await log_in(people, "boss", Role.ADMIN)
        for path in ("/sections/none", "/sections/none/delete", "/sections/%00"):
            assert (await boss.get(path)).status_code == 404
        assert (await boss.post("/sections/none/delete", data={"a": ""})).status_code == 404

    async def test_of_nobody(self, people: People, school: None) -> None:
        del school
        turing = await log_in(people, "turing", Role.TEACHER)
        page = read(await turing.get("/sections"))
        (address,) = [link for link in links(page) if link.startswith("/sections/AP")]
        page = read(await turing.get(address))
        assert "Nobody is in this section yet. People join it on their own." in page.text
        assert "A <b>name</b>" in page.text
        # What only an admin may do is not shown to a teacher.
        assert not [link for link in links(page) if link.endswith("/delete")]

    async def test_a_page_at_a_time(
        self, people: People, resources: Resources, school: None
    ) -> None:
        del school
        turing = await log_in(people, "turing", Role.TEACHER)
        for number in range(51):
            user = await people.create(f"pupil{number:02}")
            async with resources.database.transaction() as session:
                actor = Actor(user_id=user.id)
                await sections.join_sections(
                    session, actor, abbreviations=["CSA"], now=datetime.now(UTC)
                )
        page = read(await turing.get("/sections/csa"))
        assert f"Pupil49pupil49 {YEAR}" in page.text
        assert "pupil50" not in page.text
        (onward,) = [link for link in links(page) if "cursor=" in link]
        page = read(await turing.get(onward))
        assert "pupil50" in page.text
        assert "pupil49" not in page.text
        assert "/sections/CSA" in links(page)
        gone = (await turing.get("/sections/CSA?cursor=enp6")).text
        assert "Nobody is in this section after the ones before." in gone

    async def test_deleted_after_asking(self, people: People, school: None) -> None:
        del school
        boss = await log_in(people, "boss", Role.ADMIN)
        page = read(await boss.get("/sections/CSA"))
        (address,) = [link for link in links(page) if link.endswith("/delete")]
        page = read(await boss.get(address))
        assert "Delete this section?" in page.text
        assert address in forms(page)
        answer = await boss.post(address, data={"a": ""})
        assert answer.status_code == 303
        page = read(await boss.get(answer.headers["location"]))
        assert "The section is deleted." in page.text
        assert await names(boss) == ["AP + é"]
