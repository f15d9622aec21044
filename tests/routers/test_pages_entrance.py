"""Home, log in, log out, sign up, set-up and reset, as a browser without scripts meets them."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from app.errors import UserNotFound
from app.models import LinkPurpose, Role, utc_now
from app.principals import OPERATOR
from app.resources import Resources
from app.services import accounts, credentials, links, logins
from tests.markup import read
from tests.people import PASSWORD, People
from tests.wire import COOKIE, SESSION, change_user, read_users, replay

LOGIN = {"username": "ada", "password": PASSWORD}
NEW = {"name": "Mary Somerville", "uid": "mary", "email": "", "password": PASSWORD}
OTHER = "an even longer sentence"
HTML = {"Accept": "text/html"}

invite_only = pytest.mark.parametrize("settings_changes", [{"signup": "invite"}])
closed = pytest.mark.parametrize("settings_changes", [{"signup": "closed"}])


async def make_link(resources: Resources, purpose: LinkPurpose, uid: str = "") -> str:
    """Return the secret of a fresh one-time link."""
    async with resources.database.transaction() as session:
        if purpose is LinkPurpose.RESET:
            user = await accounts.get_user(session, uid=uid)
            link = await credentials.create_reset_link(
                session, OPERATOR, user=user, resources=resources
            )
        else:
            link = await links.create_link(
                session, purpose=purpose, settings=resources.settings, now=utc_now()
            )
    ((secret,),) = parse_qs(urlsplit(link.url).query).values()
    return secret


class TestLogIn:
    @pytest.mark.parametrize(
        ("form", "status", "field", "message"),
        [
            ({"next": ""}, 422, "username", "Enter your user name."),
            ({"username": "ada"}, 422, "password", "Enter a password."),
            ({"username": "", "password": PASSWORD}, 422, "username", "Enter your user name."),
            (
                {"username": "a" * 65, "password": PASSWORD},
                422,
                "username",
                "Use at most 64 characters.",
            ),
        ],
    )
    async def test_unfinished(
        self, people: People, form: dict[str, str], status: int, field: str, message: str
    ) -> None:
        visitor = await people.visitor()
        answer = await visitor.post("/login", data=form)
        page = read(answer)
        assert answer.status_code == status
        assert page.message(field) == f"Error: {message}"
        assert "Error: Log in" in answer.text
        assert answer.headers["cache-control"] == "no-store"

    @pytest.mark.parametrize("case", ["wrong password", "unknown uid", "disabled"])
    async def test_one_answer_for_all_that_proves_nothing(
        self, people: People, resources: Resources, case: str
    ) -> None:
        await people.create("ada")
        form = {**LOGIN}
        if case == "wrong password":
            form["password"] = OTHER
        elif case == "unknown uid":
            form["username"] = "nobody"
        else:
            await change_user(resources, "ada", is_active=False)
        visitor = await people.visitor()
        answer = await visitor.post("/login", data=form)
        page = read(answer)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        assert "User name or password is wrong. Check both." in page.text
        assert page.fields["username"]["value"] == form["username"]
        assert form["password"] not in answer.text

    async def test_a_script_may_not_send_json(self, people: People) -> None:
        await people.create("ada")
        visitor = await people.visitor()
        answer = await visitor.post("/login", json=LOGIN, headers=HTML)
        assert answer.status_code == 415
        assert "There is nothing here" not in answer.text

    async def test_another_site_may_not_send_it(self, people: People) -> None:
        await people.create("ada")
        visitor = await people.visitor()
        answer = await visitor.post("/login", data=LOGIN, headers={"Origin": "https://evil.test"})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize("settings_changes", [{"login_attempts": 1}])
    async def test_too_many(self, people: People) -> None:
        visitor = await people.visitor()
        await visitor.post("/login", data=LOGIN)
        answer = await visitor.post("/login", data=LOGIN)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
        assert "Too many attempts. Try again in" in read(answer).text

    @pytest.mark.parametrize(
        ("target", "leads_to"),
        [
            ("", "/"),
            ("/account?done=x", "/account?done=x"),
            ("//evil.test", "/"),
            ("https://evil.test", "/"),
            ("/\\evil.test", "/"),
            ("/%2f%2fevil.test", "/"),
        ],
    )
    async def test_leads_on_within_this_site(
        self, people: People, target: str, leads_to: str
    ) -> None:
        await people.create("ada")
        visitor = await people.visitor()
        page = read(await visitor.get("/login", params={"next": target}))
        form = {**LOGIN, "next": page.fields["next"]["value"] if target else ""}
        answer = await visitor.post("/login", data=form)
        assert answer.status_code == 303
        assert answer.headers["location"] == leads_to
        assert (await visitor.get(SESSION)).json()["user"]["uid"] == "ada"
        # Whoever is logged in already is led on at once.
        again = await visitor.get("/login", params={"next": target})
        assert (again.status_code, again.headers["location"]) == (303, leads_to)

    async def test_ends_the_session_it_replaces(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        before = ada.cookies[COOKIE]
        await ada.post("/login", data=LOGIN)
        assert ada.cookies[COOKIE] != before
        assert (await replay(people.app, before)).status_code == 401


class TestLogOut:
    async def test_a_link_does_not(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        assert (await ada.get("/logout", headers=HTML)).status_code == 200
        assert (await ada.get(SESSION)).status_code == 200

    async def test_without_a_login(self, people: People) -> None:
        visitor = await people.visitor()
        assert (await visitor.post("/logout")).status_code == 303

    async def test_the_token_is_dead(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        token = ada.cookies[COOKIE]
        answer = await ada.post("/logout")
        assert (answer.status_code, answer.headers["location"]) == (303, "/?done=logout")
        assert COOKIE not in ada.cookies
        assert (await replay(people.app, token)).status_code == 401
        assert "The token you had is dead." in read(await ada.get("/?done=logout")).text

    async def test_pressed_four_times_at_once(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        answers = await asyncio.gather(*(ada.post("/logout") for _ in range(4)))
        assert [answer.status_code for answer in answers] == [303] * 4


class TestSignUp:
    @pytest.mark.parametrize("engine", ["sqlite"])
    async def test_without_a_login_there_is_no_account_either(
        self, client: httpx.AsyncClient, resources: Resources
    ) -> None:
        trigger = "CREATE TRIGGER full BEFORE INSERT ON user_session"
        refuse = f"{trigger} BEGIN SELECT RAISE(ABORT, 'full'); END"
        async with resources.database.transaction() as session:
            await (await session.connection()).exec_driver_sql(refuse)
        answer = await client.post("/signup", data=NEW)
        assert answer.status_code == 401
        assert not await read_users(resources)

    async def test_messages_and_values(self, client: httpx.AsyncClient) -> None:
        form = {"name": "Mary", "uid": "a", "email": "mary", "password": PASSWORD}
        answer = await client.post("/signup", data=form)
        page = read(answer)
        assert answer.status_code == 422
        assert page.message("uid") == "Error: Use at least 2 characters."
        assert page.message("email").startswith("Error: Enter an e-mail address")
        assert page.message("name") == ""
        assert page.fields["name"]["value"] == "Mary"
        assert "value" not in page.fields["password"]
        assert PASSWORD not in answer.text

    @pytest.mark.parametrize(
        ("changes", "status", "field"),
        [
            ({"password": "short"}, 422, "password"),
            ({"password": "mary somerville"}, 422, "password"),
            ({"uid": "ADA"}, 409, "uid"),
            ({"uid": "login"}, 422, "uid"),
        ],
    )
    async def test_refused_by_a_rule(
        self,
        people: People,
        resources: Resources,
        changes: dict[str, str],
        status: int,
        field: str,
    ) -> None:
        await people.create("ada")
        visitor = await people.visitor()
        answer = await visitor.post("/signup", data={**NEW, **changes})
        assert answer.status_code == status
        assert read(answer).message(field) != ""
        assert list(await read_users(resources)) == ["ada"]
        assert "set-cookie" not in answer.headers

    async def test_nobody_makes_themselves_an_admin(
        self, client: httpx.AsyncClient, resources: Resources
    ) -> None:
        answer = await client.post("/signup", data={**NEW, "role": "admin"})
        assert answer.status_code == 422
        assert "Only an admin chooses a role." in read(answer).text
        assert await read_users(resources) == {}

    @closed
    async def test_closed(self, client: httpx.AsyncClient, resources: Resources) -> None:
        page = read(await client.get("/signup"))
        assert "Sign-up is closed here." in page.text
        assert "password" not in page.fields
        assert (await client.post("/signup", data=NEW)).status_code == 403
        assert await read_users(resources) == {}

    @invite_only
    async def test_uninvited(self, client: httpx.AsyncClient, resources: Resources) -> None:
        page = read(await client.get("/signup"))
        assert "You need an invitation" in page.text
        assert "password" not in page.fields
        assert (await client.post("/signup", data=NEW)).status_code == 403
        wrong = await client.post("/signup", data={**NEW, "invite": "guess"})
        assert wrong.status_code == 404
        assert "This link does not work any more." in read(wrong).text
        assert await read_users(resources) == {}

    @invite_only
    async def test_an_invitation_survives_a_mistake_and_works_once(
        self, client: httpx.AsyncClient, resources: Resources
    ) -> None:
        secret = await make_link(resources, LinkPurpose.INVITE)
        first = await client.get("/signup", params={"invite": secret})
        assert first.headers["cache-control"] == "no-store"
        page = read(await client.post("/signup", data={**NEW, "invite": secret, "uid": "a"}))
        again = {**NEW, "invite": page.fields["invite"]["value"]}
        assert (await client.post("/signup", data=again)).status_code == 303
        other = {**again, "uid": "other", "name": "Other"}
        assert (await client.post("/signup", data=other)).status_code == 404
        assert list(await read_users(resources)) == ["mary"]

    async def test_signing_up_logs_in(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/signup", data=NEW)
        assert answer.status_code == 303
        assert answer.headers["location"] == "/account?done=welcome"
        page = read(await client.get(answer.headers["location"]))
        assert "Your account is ready" in page.text
        assert page.fields["uid"]["value"] == "mary"


class TestSetUp:
    async def test_without_a_link(self, client: httpx.AsyncClient) -> None:
        page = read(await client.get("/setup"))
        assert "Look at the terminal" in page.text
        assert "password" not in page.fields
        assert "This site has no admin yet" in read(await client.get("/")).text

    @pytest.mark.parametrize("extra", [{}, {"token": ""}, {"token": "guess"}])
    async def test_a_wrong_link(
        self, client: httpx.AsyncClient, resources: Resources, extra: dict[str, str]
    ) -> None:
        assert (await client.get("/setup?token=guess", headers=HTML)).status_code == 404
        answer = await client.post("/setup", data={**NEW, **extra}, headers=HTML)
        assert answer.status_code == 404
        assert "This link does not work any more" in read(answer).text
        assert await read_users(resources) == {}

    @pytest.mark.parametrize("extra", [{"role": "user"}, {"invite": "x"}])
    async def test_a_field_that_is_not_asked_for(
        self, client: httpx.AsyncClient, resources: Resources, extra: dict[str, str]
    ) -> None:
        secret = await make_link(resources, LinkPurpose.SETUP)
        answer = await client.post("/setup", data={**NEW, **extra, "token": secret})
        assert answer.status_code == 400
        assert await read_users(resources) == {}

    async def test_when_there_is_an_admin(self, people: People, resources: Resources) -> None:
        await people.create("root.admin", role=Role.ADMIN)
        secret = await make_link(resources, LinkPurpose.SETUP)
        visitor = await people.visitor()
        assert "set up already" in read(await visitor.get("/setup")).text
        answer = await visitor.post("/setup", data={**NEW, "token": secret})
        assert answer.status_code == 404
        assert list(await read_users(resources)) == ["root.admin"]

    async def test_the_first_admin(self, client: httpx.AsyncClient, resources: Resources) -> None:
        secret = await make_link(resources, LinkPurpose.SETUP)
        page = read(await client.get("/setup", params={"token": secret}))
        form = {**NEW, "token": page.fields["token"]["value"]}
        for mistake in ({"password": "short"}, {"uid": ""}):
            mistaken = await client.post("/setup", data={**form, **mistake})
            assert mistaken.status_code == 422
            assert read(mistaken).fields["token"]["value"] == secret
        answer = await client.post("/setup", data=form)
        assert answer.headers["location"] == "/account?done=setup"
        assert (await read_users(resources))["mary"].role is Role.ADMIN
        assert (await client.get("/admin/users")).status_code == 200


class TestReset:
    @pytest.mark.parametrize("query", ["", "?token=guess", "?token=" + "x" * 100])
    async def test_a_dead_link(self, client: httpx.AsyncClient, query: str) -> None:
        answer = await client.get("/reset" + query, headers=HTML)
        assert answer.status_code == 404
        assert "This link does not work any more" in read(answer).text

    @pytest.mark.parametrize("form", [{}, {"new_password": OTHER}, {"token": "guess"}])
    async def test_a_dead_form(self, client: httpx.AsyncClient, form: dict[str, str]) -> None:
        answer = await client.post("/reset", data={"new_password": OTHER, **form}, headers=HTML)
        assert answer.status_code == 404

    async def test_of_a_deleted_account(self, people: People, resources: Resources) -> None:
        await people.create("ada")
        secret = await make_link(resources, LinkPurpose.RESET, "ada")
        async with resources.database.transaction() as session:
            await accounts.delete_user(session, OPERATOR, uid="ada", resources=resources)
        visitor = await people.visitor()
        form = {"token": secret, "new_password": OTHER}
        assert (await visitor.post("/reset", data=form, headers=HTML)).status_code == 404
        with pytest.raises(UserNotFound):
            await make_link(resources, LinkPurpose.RESET, "ada")

    async def test_a_new_password(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        secret = await make_link(resources, LinkPurpose.RESET, "ada")
        visitor = await people.visitor()
        page = read(await visitor.get("/reset", params={"token": secret}))
        form = {"token": page.fields["token"]["value"]}
        for mistake in ("", "short"):
            mistaken = await visitor.post("/reset", data={**form, "new_password": mistake})
            assert mistaken.status_code == 422
            assert read(mistaken).message("new_password") != ""
        answer = await visitor.post("/reset", data={**form, "new_password": OTHER})
        assert answer.headers["location"] == "/login?done=reset"
        assert (await ada.get(SESSION)).status_code == 401
        login = await visitor.post("/login", data={"username": "ada", "password": OTHER})
        assert login.status_code == 303
        found = await logins.authenticate(resources, OPERATOR, uid="ada", password=SecretStr(OTHER))
        assert found.uid == "ada"


class TestHome:
    async def test_whoever_is_logged_in_is_greeted(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        page = read(await ada.get("/"))
        assert "Hello, Ada" in page.text
        assert "no admin yet" not in page.text

    async def test_a_page_that_did_not_change_is_not_sent_again(
        self, client: httpx.AsyncClient
    ) -> None:
        first = await client.get("/login")
        headers = {"If-None-Match": first.headers["etag"]}
        assert first.headers["cache-control"] == "private, no-cache"
        assert (await client.get("/login", headers=headers)).status_code == 304

    async def test_the_address_cannot_put_words_on_the_page(
        self, client: httpx.AsyncClient
    ) -> None:
        answer = await client.get("/", params={"done": "<b>You have won</b>"})
        assert "You have won" not in answer.text

    async def test_a_forged_host_is_in_no_link(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/", headers={"Host": "evil.test"})
        assert "evil.test" not in answer.text


class TestProblems:
    async def test_every_kind_has_an_anchor(self, client: httpx.AsyncClient) -> None:
        page = read(await client.get("/problems"))
        assert {"uid-taken", "invalid-token", "internal-error", "database-busy"} <= set(page.ids)
        assert len(page.ids) == len(set(page.ids))
