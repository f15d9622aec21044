"""The account page: profile, password, logins, and leaving. Refusals keep what was typed."""

import httpx
import pytest

from app.models import Role
from app.resources import Resources
from app.routers.pages.devices import name_device
from tests.markup import read
from tests.people import PASSWORD, People
from tests.wire import COOKIE, SESSION, current_sid, read_users, replay

OTHER = "an even longer sentence"
PROFILE = {"name": "Ada King", "uid": "ada", "email": "ada@example.org"}
CHANGE = {"current_password": PASSWORD, "new_password": OTHER}

WRITES = [
    ("/account/profile", PROFILE),
    ("/account/password", CHANGE),
    ("/account/sessions/end", {"session": "x"}),
    ("/account/sessions/end-others", {"which": "others"}),
    ("/account/delete", {"current_password": PASSWORD}),
]


async def log_in(client: httpx.AsyncClient, uid: str = "ada", password: str = PASSWORD) -> int:
    """Log in by the form; return the status."""
    return (await client.post("/login", data={"username": uid, "password": password})).status_code


class TestWithoutALogin:
    @pytest.mark.parametrize("path", ["/account", "/account/delete", "/account?done=profile"])
    async def test_reading_leads_to_the_login_and_back(self, people: People, path: str) -> None:
        await people.create("ada")
        visitor = await people.visitor()
        answer = await visitor.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 303
        page = read(await visitor.get(answer.headers["location"]))
        assert page.fields["next"]["value"] == path

    @pytest.mark.parametrize(("path", "form"), WRITES)
    async def test_writing_is_refused(
        self, people: People, resources: Resources, path: str, form: dict[str, str]
    ) -> None:
        await people.create("ada")
        before = await read_users(resources)
        visitor = await people.visitor()
        answer = await visitor.post(path, data=form, headers={"Accept": "text/html"})
        assert answer.status_code == 401
        assert "Log in" in read(answer).text
        assert await read_users(resources) == before

    @pytest.mark.parametrize(("path", "form"), WRITES)
    async def test_another_site_writes_nothing(
        self, people: People, resources: Resources, path: str, form: dict[str, str]
    ) -> None:
        ada = await people.create_and_log_in("ada")
        before = await read_users(resources)
        headers = {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:4100"}
        answer = await ada.post(path, data=form, headers=headers)
        assert answer.status_code == 403
        assert await read_users(resources) == before
        assert (await ada.get(SESSION)).status_code == 200


class TestProfile:
    @pytest.mark.parametrize(
        ("changes", "status", "field", "message"),
        [
            ({"name": ""}, 422, "name", "Enter a name."),
            ({"name": "\u202eadA"}, 422, "name", "control or invisible"),
            ({"uid": ""}, 422, "uid", "Enter a user name."),
            ({"uid": "admin"}, 422, "uid", "reserved"),
            ({"uid": "BOB"}, 409, "uid", "That user name is taken. Try another."),
            ({"email": "nowhere"}, 422, "email", "Enter an e-mail address"),
        ],
    )
    async def test_refused(
        self,
        people: People,
        resources: Resources,
        changes: dict[str, str],
        status: int,
        field: str,
        message: str,
    ) -> None:
        ada = await people.create_and_log_in("ada")
        await people.create("bob")
        before = await read_users(resources)
        answer = await ada.post("/account/profile", data={**PROFILE, **changes})
        page = read(answer)
        assert answer.status_code == status
        assert message in page.message(field)
        # What was typed in the other fields stays in them.
        kept = next(name for name in PROFILE if name != field)
        assert page.fields[kept]["value"] == PROFILE[kept]
        assert await read_users(resources) == before

    async def test_a_role_is_not_taken(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        await ada.post("/account/profile", data={**PROFILE, "role": "admin", "is_active": ""})
        stored = (await read_users(resources))["ada"]
        assert (stored.role, stored.is_active, stored.name) == (Role.USER, True, "Ada King")

    async def test_saved(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.post("/account/profile", data={**PROFILE, "uid": "ada.king"})
        assert answer.status_code == 303
        page = read(await ada.get(answer.headers["location"]))
        assert "Your profile is saved." in page.text
        shown = [page.fields[name]["value"] for name in ("name", "uid", "email")]
        assert shown == ["Ada King", "ada.king", "ada@example.org"]

    async def test_an_e_mail_can_be_taken_away(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        await ada.post("/account/profile", data=PROFILE)
        await ada.post("/account/profile", data={**PROFILE, "email": ""})
        assert read(await ada.get("/account")).fields["email"]["value"] == ""

    @pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x>', "{{ 7*7 }}"])
    async def test_a_name_is_text(self, people: People, name: str) -> None:
        ada = await people.create_and_log_in("ada")
        await ada.post("/account/profile", data={**PROFILE, "name": name})
        answer = await ada.get("/account")
        assert name not in answer.text or name.startswith("{{")
        assert read(answer).fields["name"]["value"] == name


class TestPassword:
    @pytest.mark.parametrize(
        ("changes", "status", "field", "message"),
        [
            ({"current_password": ""}, 422, "current_password", "Enter your current password."),
            ({"new_password": ""}, 422, "new_password", "Enter a new password."),
            ({"current_password": OTHER}, 403, "current_password", "not your current password"),
            ({"new_password": "short"}, 422, "new_password", "at least 12 characters"),
            ({"new_password": "x" * 1025}, 422, "new_password", "1,024"),
        ],
    )
    async def test_refused(
        self,
        people: People,
        resources: Resources,
        changes: dict[str, str],
        status: int,
        field: str,
        message: str,
    ) -> None:
        ada = await people.create_and_log_in("ada")
        before = await read_users(resources)
        answer = await ada.post("/account/password", data={**CHANGE, **changes})
        page = read(answer)
        assert answer.status_code == status
        assert message in page.message(field)
        assert page.fields["name"]["value"] == "Ada"
        assert OTHER not in answer.text
        assert PASSWORD not in answer.text
        assert await read_users(resources) == before

    @pytest.mark.parametrize("settings_changes", [{"login_attempts": 1}])
    async def test_guessing_is_slowed_down(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        guess = {**CHANGE, "current_password": OTHER}
        await ada.post("/account/password", data=guess)
        answer = await ada.post("/account/password", data=guess)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0

    async def test_other_logins_end(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        elsewhere = await people.log_in("ada")
        answer = await ada.post("/account/password", data=CHANGE)
        assert answer.headers["location"] == "/account?done=password"
        assert (await ada.get("/account")).status_code == 200
        assert (await elsewhere.get(SESSION)).status_code == 401
        visitor = await people.visitor()
        assert await log_in(visitor) == 401
        assert await log_in(visitor, password=OTHER) == 303


class TestSessions:
    async def test_somebody_elses(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        bob = await people.create_and_log_in("bob")
        form = {"session": await current_sid(bob)}
        answer = await ada.post("/account/sessions/end", data=form, headers={"Accept": "text/html"})
        assert answer.status_code == 404
        assert (await bob.get(SESSION)).status_code == 200

    async def test_alone(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        page = read(await ada.get("/account"))
        assert "No other sessions. You are logged in here only." in page.text
        assert "session" not in page.fields

    async def test_another_one(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        elsewhere = await people.bearer("ada")
        page = read(await ada.get("/account"))
        assert "This one" in page.text
        form = {"session": page.fields["session"]["value"]}
        answer = await ada.post("/account/sessions/end", data=form)
        assert answer.headers["location"] == "/account?done=session#sessions"
        assert (await elsewhere.get(SESSION)).status_code == 401
        assert (await ada.get(SESSION)).status_code == 200

    async def test_the_present_one_is_a_log_out(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        token = ada.cookies[COOKIE]
        answer = await ada.post("/account/sessions/end", data={"session": await current_sid(ada)})
        assert answer.status_code == 303
        assert COOKIE not in ada.cookies
        assert (await replay(people.app, token)).status_code == 401

    async def test_all_others(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        others = [await people.log_in("ada"), await people.bearer("ada")]
        answer = await ada.post("/account/sessions/end-others", data={"which": "others"})
        assert answer.headers["location"] == "/account?done=sessions#sessions"
        assert [(await other.get(SESSION)).status_code for other in others] == [401, 401]
        assert (await ada.get(SESSION)).status_code == 200


class TestDelete:
    @pytest.mark.parametrize(
        ("password", "status", "message"),
        [("", 422, "Enter your current password."), (OTHER, 403, "not your current password")],
    )
    async def test_not_without_the_password(
        self, people: People, resources: Resources, password: str, status: int, message: str
    ) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.post("/account/delete", data={"current_password": password})
        assert answer.status_code == status
        assert message in read(answer).message("current_password")
        assert list(await read_users(resources)) == ["ada"]

    async def test_not_the_last_admin(self, people: People, resources: Resources) -> None:
        root = await people.create_and_log_in("root.admin", role=Role.ADMIN)
        answer = await root.post("/account/delete", data={"current_password": PASSWORD})
        assert answer.status_code == 409
        assert "Make somebody else an admin first." in read(answer).text
        assert list(await read_users(resources)) == ["root.admin"]

    async def test_for_good(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        page = read(await ada.get("/account/delete"))
        assert "This cannot be undone." in page.text
        answer = await ada.post("/account/delete", data={"current_password": PASSWORD})
        assert answer.headers["location"] == "/?done=deleted"
        assert COOKIE not in ada.cookies
        assert await read_users(resources) == {}


WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
EDGE = f"Mozilla/5.0 (Windows NT 10.0; Win64) {WEBKIT} Chrome/131.0 Safari/537.36 Edg/131.0"
CHROMEBOOK = f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/131.0 Safari/537.36"
IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {WEBKIT} Version/18.0 Safari/604"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:132.0) Gecko/20100101 Firefox/132.0"


class TestNameDevice:
    @pytest.mark.parametrize(
        ("user_agent", "name"),
        [
            ("", "A program"),
            ("Wget/1.21 (linux)", "A program"),
            ("Dart/3.1 (Windows)", "A program on Windows"),
            ("curl/8.5.0", "curl"),
            ("python-httpx/0.28.1", "A Python script"),
            (EDGE, "Edge on Windows"),
            (CHROMEBOOK, "Chrome on a Chromebook"),
            (IPHONE, "Safari on iPhone"),
            (MAC, "Firefox on a Mac"),
        ],
    )
    def test_names(self, user_agent: str, name: str) -> None:
        assert name_device(user_agent) == name
