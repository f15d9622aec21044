"""The admins' pages: who may not see them, finding people, changing them, links shown once."""

from urllib.parse import urlsplit

import httpx
import pytest

from app.models import Role
from app.resources import Resources
from tests.markup import read
from tests.people import PASSWORD, People
from tests.wire import SESSION, read_users

HTML = {"Accept": "text/html"}
OTHER = "an even longer sentence"
ADA = {"name": "Ada", "uid": "ada", "email": "", "role": "user", "is_active": "on"}
PAGES = ["/admin/users", "/admin/users/ada", "/admin/users/nobody", "/admin/users/ada/delete"]
WRITES = [
    ("/admin/invites", {}),
    ("/admin/users/ada", {**ADA, "role": "admin"}),
    ("/admin/users/ada/reset", {}),
    ("/admin/users/ada/delete", {}),
]


async def log_in_admin(people: People) -> httpx.AsyncClient:
    """Return a client logged in as an admin, on a site where Ada has an account."""
    await people.create("ada")
    return await people.create_and_log_in("root.admin", role=Role.ADMIN)


class TestNotForOthers:
    @pytest.mark.parametrize("path", PAGES)
    async def test_a_stranger_is_led_to_the_login(self, people: People, path: str) -> None:
        await people.create("ada")
        visitor = await people.visitor()
        answer = await visitor.get(path, headers=HTML)
        assert answer.status_code == 303
        assert urlsplit(answer.headers["location"]).path == "/login"

    @pytest.mark.parametrize("role", [Role.USER, Role.TEACHER])
    @pytest.mark.parametrize("path", PAGES)
    async def test_others_may_not_look(self, people: People, role: Role, path: str) -> None:
        ada = await people.create_and_log_in("ada", role=role)
        answer = await ada.get(path, headers=HTML)
        assert answer.status_code == 403
        assert "Only an admin may do this" in read(answer).text
        assert "/admin" not in answer.text

    @pytest.mark.parametrize(("path", "form"), WRITES)
    async def test_others_may_not_write(
        self, people: People, resources: Resources, path: str, form: dict[str, str]
    ) -> None:
        ada = await people.create_and_log_in("ada", role=Role.TEACHER)
        before = await read_users(resources)
        answer = await ada.post(path, data=form or {"a": ""}, headers=HTML)
        assert answer.status_code == 403
        assert await read_users(resources) == before

    @pytest.mark.parametrize("path", [path for path, _ in WRITES])
    async def test_a_link_writes_nothing(
        self, people: People, resources: Resources, path: str
    ) -> None:
        root = await log_in_admin(people)
        before = await read_users(resources)
        await root.get(path, headers=HTML)
        assert await read_users(resources) == before


class TestUsers:
    async def test_nobody_matches(self, people: People) -> None:
        root = await log_in_admin(people)
        page = read(await root.get("/admin/users", params={"q": '"><script>'}))
        assert "Nobody matches." in page.text
        assert page.fields["q"]["value"] == '"><script>'

    @pytest.mark.parametrize("params", [{"cursor": "!"}, {"cursor": "\x00"}, {"q": "x" * 101}])
    async def test_what_no_page_of_ours_sends(self, people: People, params: dict[str, str]) -> None:
        root = await log_in_admin(people)
        answer = await root.get("/admin/users", params=params, headers=HTML)
        assert answer.status_code == 422

    async def test_a_page_at_a_time(self, people: People) -> None:
        root = await log_in_admin(people)
        for number in range(26):
            await people.create(f"pupil{number:02}")
        first = read(await root.get("/admin/users", params={"q": "PUPIL"}))
        assert "pupil24" in first.text
        assert "pupil25" not in first.text
        (onward,) = [
            attributes["href"]
            for tag, attributes in first.elements
            if tag == "a" and "cursor=" in attributes["href"]
        ]
        second = read(await root.get(onward))
        assert "pupil25" in second.text
        assert "pupil24" not in second.text
        assert "Next page" not in second.text
        assert "First page" in second.text

    async def test_a_disabled_account_says_so(self, people: People) -> None:
        root = await log_in_admin(people)
        assert "Disabled" not in read(await root.get("/admin/users")).text
        await root.post("/admin/users/ada", data={**ADA, "is_active": ""})
        assert "Disabled" in read(await root.get("/admin/users")).text


class TestUser:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/admin/users/nobody"),
            ("POST", "/admin/users/nobody"),
            ("POST", "/admin/users/nobody/reset"),
            ("GET", "/admin/users/nobody/delete"),
            ("POST", "/admin/users/nobody/delete"),
        ],
    )
    async def test_unknown(self, people: People, method: str, path: str) -> None:
        root = await log_in_admin(people)
        data = {**ADA} if method == "POST" else None
        answer = await root.request(method, path, data=data, headers=HTML)
        assert answer.status_code == 404
        assert "There is no such user" in read(answer).text

    @pytest.mark.parametrize(
        ("changes", "status", "field"),
        [
            ({"name": ""}, 422, "name"),
            ({"uid": "ROOT.admin"}, 409, "uid"),
            ({"email": "x"}, 422, "email"),
            ({"role": "owner"}, 422, "role"),
        ],
    )
    async def test_refused(
        self,
        people: People,
        resources: Resources,
        changes: dict[str, str],
        status: int,
        field: str,
    ) -> None:
        root = await log_in_admin(people)
        before = await read_users(resources)
        answer = await root.post("/admin/users/ada", data={**ADA, "name": "New", **changes})
        page = read(answer)
        assert answer.status_code == status
        assert page.message(field) != ""
        assert "checked" in page.fields["is_active"]
        assert await read_users(resources) == before

    @pytest.mark.parametrize("changes", [{"role": "user"}, {"is_active": ""}])
    async def test_the_last_admin_stays(
        self, people: People, resources: Resources, changes: dict[str, str]
    ) -> None:
        root = await log_in_admin(people)
        form = {"name": "Root", "uid": "root.admin", "role": "admin", "is_active": "on", **changes}
        answer = await root.post("/admin/users/root.admin", data=form)
        assert answer.status_code == 409
        assert "This is the last active admin." in read(answer).text
        stored = (await read_users(resources))["root.admin"]
        assert (stored.role, stored.is_active) == (Role.ADMIN, True)

    async def test_saved_under_a_new_user_name(self, people: People) -> None:
        root = await log_in_admin(people)
        form = {**ADA, "uid": "ada.king", "role": "teacher", "email": "ada@example.org"}
        answer = await root.post("/admin/users/ada", data=form)
        assert answer.headers["location"] == "/admin/users/ada.king?done=saved"
        page = read(await root.get(answer.headers["location"]))
        assert "The changes are saved." in page.text
        assert "Teacher" in page.text
        assert page.fields["email"]["value"] == "ada@example.org"

    async def test_disabling_holds_at_once(self, people: People) -> None:
        root = await log_in_admin(people)
        ada = await people.log_in("ada")
        await root.post("/admin/users/ada", data={**ADA, "is_active": ""})
        assert (await ada.get(SESSION)).status_code == 401
        page = read(await root.get("/admin/users/ada"))
        assert "checked" not in page.fields["is_active"]


class TestLinks:
    async def test_an_invitation_is_shown_once_and_not_kept(self, people: People) -> None:
        root = await log_in_admin(people)
        answer = await root.post("/admin/invites")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        link = urlsplit(read(answer).text_by_id["link"].strip())
        assert (link.netloc, link.path) == ("localhost:8086", "/signup")
        visitor = await people.visitor()
        page = read(await visitor.get(f"{link.path}?{link.query}"))
        assert "You are invited." in page.text

    async def test_a_reset_link_works(self, people: People) -> None:
        root = await log_in_admin(people)
        answer = await root.post("/admin/users/ada/reset", headers={"Host": "evil.test"})
        link = urlsplit(read(answer).text_by_id["link"].strip())
        assert (link.netloc, link.path) == ("localhost:8086", "/reset")
        visitor = await people.visitor()
        page = read(await visitor.get(f"{link.path}?{link.query}"))
        form = {"token": page.fields["token"]["value"], "new_password": OTHER}
        assert (await visitor.post("/reset", data=form)).status_code == 303
        login = {"username": "ada", "password": OTHER}
        assert (await visitor.post("/login", data=login)).status_code == 303


class TestDelete:
    async def test_not_the_last_admin(self, people: People, resources: Resources) -> None:
        root = await log_in_admin(people)
        answer = await root.post("/admin/users/root.admin/delete")
        assert answer.status_code == 409
        assert "Make somebody else an admin first." in read(answer).text
        assert sorted(await read_users(resources)) == ["ada", "root.admin"]

    async def test_asks_first(self, people: People, resources: Resources) -> None:
        root = await log_in_admin(people)
        page = read(await root.get("/admin/users/ada/delete"))
        assert "This cannot be undone." in page.text
        assert sorted(await read_users(resources)) == ["ada", "root.admin"]
        answer = await root.post("/admin/users/ada/delete")
        assert answer.headers["location"] == "/admin/users?done=deleted"
        assert list(await read_users(resources)) == ["root.admin"]
        visitor = await people.visitor()
        login = {"username": "ada", "password": PASSWORD}
        assert (await visitor.post("/login", data=login)).status_code == 401
