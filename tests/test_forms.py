"""Forms: what is kept of what was typed, where messages go, and where a login may lead to."""

import pytest
from pydantic import SecretStr

from app.errors import LastAdmin, TooManyAttempts, UidTaken, WrongPassword
from app.forms import Form, local_path
from app.schemas import Login, UserAdminUpdate, UserCreate, UserUpdate


class TestLocalPath:
    @pytest.mark.parametrize(
        "target",
        [
            "",
            "account",
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\tevil.example",
            "/\n/evil.example",
            "/\r\nSet-Cookie: a=b",
            " //evil.example",
            "/%2F/evil.example",
            "/%2f%2fevil.example",
            "/%5Cevil.example",
            "/%255Cevil.example",
            "/%09/evil.example",
            "/a//evil.example",
            "/..//evil.example",
            "javascript:alert(1)",
            "/\u2028evil.example",
            "/\u202emoc.live",
            "/é",
        ],
    )
    def test_leads_home_instead(self, target: str) -> None:
        assert local_path(target) == "/"

    @pytest.mark.parametrize(
        "target",
        [
            "/",
            "/account",
            "/account?done=profile#sessions",
            "/admin/users?q=ada%20l&cursor=YWRh",
            "/admin/users/%C3%A9",
            "/admin/users?q=//",
            "/token#//",
        ],
    )
    def test_leads_there(self, target: str) -> None:
        assert local_path(target) == target

    def test_a_long_one_is_read_quickly(self) -> None:
        assert local_path("/" + "a" * 100_000 + "\\") == "/"


class TestValue:
    @pytest.mark.parametrize("name", ["password", "current_password", "new_password"])
    def test_a_password_is_never_given_back(self, name: str) -> None:
        form = Form({name: "secret"})
        assert form.value(name) == ""
        assert "secret" not in repr(form)

    def test_other_values_are(self) -> None:
        assert Form({"uid": "ada"}).value("uid") == "ada"
        assert Form().value("uid") == ""


class TestCheck:
    def test_messages_by_the_names_of_the_form(self) -> None:
        login, form = Form({"username": "", "password": ""}).check(Login, uid="username")
        assert login is None
        assert form.errors == {
            "username": "Enter your user name.",
            "password": "Enter a password.",
        }

    def test_messages_in_the_order_of_the_page(self) -> None:
        typed = {"name": "", "uid": "a", "email": "x", "password": "y"}
        _, form = Form(typed).check(UserCreate)
        assert list(form.errors) == ["name", "uid", "email"]
        assert form.errors["uid"] == "Use at least 2 characters."

    def test_no_message_quotes_what_was_typed(self) -> None:
        _, form = Form({"uid": "we!rd", "name": "a\x00b", "email": "we!rd"}).check(UserUpdate)
        assert list(form.errors) == ["uid", "name", "email"]
        assert not any("we!rd" in message for message in form.errors.values())

    def test_a_field_the_form_does_not_have_stays_unset(self) -> None:
        changes, _ = Form({"name": "Ada"}).check(UserUpdate)
        assert changes is not None
        assert changes.model_dump(exclude_unset=True) == {"name": "Ada"}

    def test_an_emptied_e_mail_is_taken_away(self) -> None:
        changes, _ = Form({"email": ""}).check(UserUpdate)
        assert changes is not None
        assert changes.model_dump(exclude_unset=True) == {"email": None}

    def test_an_emptied_name_is_refused(self) -> None:
        changes, form = Form({"name": ""}).check(UserUpdate)
        assert changes is None
        assert form.errors == {"name": "Enter a name."}

    def test_values_that_are_not_text(self) -> None:
        typed = {"role": "teacher", "is_active": "on"}
        changes, _ = Form(typed).check(UserAdminUpdate, given={"is_active": False})
        assert changes is not None
        assert (changes.role, changes.is_active) == ("teacher", False)

    def test_a_good_form(self) -> None:
        login, form = Form({"username": "ada", "password": "x"}).check(Login, uid="username")
        assert login == Login(uid="ada", password=SecretStr("x"))
        assert form.errors == {}


class TestRefused:
    def test_beside_the_field(self) -> None:
        form = Form({"uid": "ada"}).refused(UidTaken())
        assert form.errors == {"uid": "That user name is taken. Try another."}
        assert form.value("uid") == "ada"

    def test_beside_a_password(self) -> None:
        form = Form({"current_password": "x", "new_password": "y"}).refused(WrongPassword())
        assert form.errors == {"current_password": "That is not your current password."}

    def test_for_the_form_as_a_whole_with_advice(self) -> None:
        expected = "This is the last active admin. Make somebody else an admin first."
        assert Form().refused(LastAdmin()).errors == {"": expected}

    def test_a_detail_of_its_own_needs_no_advice(self) -> None:
        expected = "Too many attempts. Try again in 30 seconds."
        assert Form().refused(TooManyAttempts(30)).errors == {"": expected}
