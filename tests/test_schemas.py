"""Rules for what comes in, each with its edge; what goes out has exactly these keys."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

from app.models import Role, User
from app.schemas import (
    RESERVED_UIDS,
    Login,
    OneTimeLinkPublic,
    PasswordReset,
    RefreshRequest,
    UserAccount,
    UserAdminUpdate,
    UserCreate,
    UserPublic,
    UserUpdate,
    fold,
    storable,
)

GOOD = {"uid": "ada", "name": "Ada Lovelace", "password": "correct horse battery"}


def refused(model: type[BaseModel], **body: Any) -> dict[str, str]:
    """Return which fields are refused, with the kind of each refusal; empty when none is."""
    try:
        model.model_validate(body)
    except ValidationError as error:
        return {".".join(map(str, item["loc"])): item["type"] for item in error.errors()}
    return {}


def sign_up(**changes: Any) -> dict[str, str]:
    return refused(UserCreate, **{**GOOD, **changes})


class TestUnknownAndPrivilegedFields:
    @pytest.mark.parametrize(
        "name", ["id", "public_id", "is_active", "password_hash", "auth_epoch", "uid_folded", "x"]
    )
    def test_sign_up(self, name: str) -> None:
        assert sign_up(**{name: 1}) == {name: "extra_forbidden"}

    @pytest.mark.parametrize("name", ["role", "is_active", "password", "id", "password_hash"])
    def test_own_account(self, name: str) -> None:
        assert refused(UserUpdate, **{name: "admin"}) == {name: "extra_forbidden"}

    @pytest.mark.parametrize("name", ["password", "password_hash", "id", "auth_epoch"])
    def test_account_as_admin(self, name: str) -> None:
        assert refused(UserAdminUpdate, **{name: "x"}) == {name: "extra_forbidden"}


class TestTypes:
    @pytest.mark.parametrize("value", [1, 1.5, True, [], {}, ["ada"], b"ada", None])
    def test_text(self, value: object) -> None:
        assert "uid" in sign_up(uid=value)
        assert "name" in sign_up(name=value)
        assert "password" in sign_up(password=value)

    @pytest.mark.parametrize("value", [1, 0, "true", "1", [], {}], ids=repr)
    def test_truth(self, value: object) -> None:
        assert refused(UserAdminUpdate, is_active=value) == {"is_active": "bool_type"}

    @pytest.mark.parametrize("value", ["root", "Admin", "min", "", 1, ["admin"]], ids=repr)
    def test_role(self, value: object) -> None:
        assert refused(UserAdminUpdate, role=value) == {"role": "literal_error"}
        assert sign_up(role=value) == {"role": "literal_error"}

    def test_errors_never_hold_what_was_sent(self) -> None:
        with pytest.raises(ValidationError) as error:
            UserCreate.model_validate({**GOOD, "password": "", "x": "hunter2", "uid": "hunter2!"})
        assert "hunter2" not in str(error.value)


class TestUid:
    @pytest.mark.parametrize(
        "uid",
        [
            *("a b", ".a", "a.", "-a", "a-", "_a", "a_", "a/b", "a\\b", "a@b", "a\x00b", "ada\n"),
            *(
                "..",
                "é" * 3,
                "\u0430da",
                "\uff41\uff44\uff41",
                "ad\u200ba",
                "<b>",
                "a'b",
                "a%b",
                "٣٣",
            ),
        ],
    )
    def test_characters(self, uid: str) -> None:
        assert sign_up(uid=uid) == {"uid": "uid_characters"}

    @pytest.mark.parametrize("uid", [*sorted(RESERVED_UIDS)[::5], "Admin", "ROOT", "mE"])
    def test_reserved(self, uid: str) -> None:
        assert sign_up(uid=uid) == {"uid": "uid_reserved"}

    def test_length(self) -> None:
        assert sign_up(uid="a") == {"uid": "string_too_short"}
        assert sign_up(uid="a" * 65) == {"uid": "string_too_long"}
        assert sign_up(uid="ab") == sign_up(uid="a" * 64) == {}

    @pytest.mark.parametrize("uid", ["ada", "Ada", "a.b-c_d", "42", "a..b", "administrators"])
    def test_good(self, uid: str) -> None:
        assert sign_up(uid=uid) == {}

    def test_path_words_are_reserved(self) -> None:
        """`/api/v1/users/me` and `/invites` are addresses; nobody may be called like the first."""
        assert {"me", "admin", "api", "login", "token"} <= RESERVED_UIDS
        assert all(fold(uid) == uid for uid in RESERVED_UIDS)


class TestName:
    @pytest.mark.parametrize(
        "char",
        [
            *("\x00", "\x1b", "\x7f", "\x85", "\u200b", "\u202e", "\u2066", "\ufeff", "\ue000"),
            *("\U000e0041", "\U0010ffff", "\u034f", "\u115f", "\u1160", "\u17b4", "\u2800"),
            *("\u3164", "\uffa0", "\u00ad", "\u180e"),
        ],
    )
    def test_control_or_invisible(self, char: str) -> None:
        assert sign_up(name=f"Ada{char}Lovelace") == {"name": "name_characters"}

    @pytest.mark.parametrize(
        "name", ["", " ", "\t\n", "\u00a0\u2003", "\u200d", "\u200c \u200d", "\ufe0f", "\u0301"]
    )
    def test_nothing_to_see(self, name: str) -> None:
        assert sign_up(name=name).get("name") in {"name_empty", "name_characters"}

    def test_length(self) -> None:
        assert sign_up(name="x" * 101) == {"name": "string_too_long"}
        assert sign_up(name="x" * 100) == sign_up(name="x") == {}

    def test_length_after_composing(self) -> None:
        """A letter that NFC writes as two."""
        assert sign_up(name="\u0958" * 51) == {"name": "name_too_long"}
        assert sign_up(name="\u0958" * 50) == {}

    def test_length_after_folding(self) -> None:
        """A ligature that stands for a whole phrase of eighteen characters."""
        assert len(fold("\ufdfa")) == 18
        assert sign_up(name="\ufdfa" * 17) == {"name": "name_too_long"}
        assert sign_up(name="\ufdfa" * 16 + "x" * 13) == {"name": "name_too_long"}
        assert sign_up(name="\ufdfa" * 16 + "x" * 12) == {}

    @pytest.mark.parametrize(
        ("sent", "kept"),
        [
            ("  Ada   Lovelace ", "Ada Lovelace"),
            ("Ada\u00a0Lovelace\u2028", "Ada Lovelace"),
            ("Ame\u0301lie", "Am\u00e9lie"),
            ("\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",) * 2,
            ("👩\u200d💻", "👩\u200d💻"),
            ("❤\ufe0f", "❤\ufe0f"),
            ("O'Brien-Nuñez, Jr. 3", "O'Brien-Nuñez, Jr. 3"),
            ("42", "42"),
        ],
    )
    def test_good(self, sent: str, kept: str) -> None:
        assert UserCreate.model_validate({**GOOD, "name": sent}).name == kept


class TestEmail:
    @pytest.mark.parametrize(
        "email",
        [
            *(
                "ada",
                "ada@",
                "@x.org",
                "ada@x",
                "a b@x.org",
                "ada@x..org",
                "ada@-x.org",
                "ada@x.org-",
            ),
            *("ada@x.org\n", "ada@é.org", "adá@x.org", "ada@[127.0.0.1]", "a@b@c.org", "a,b@x.org"),
            *("<a@x.org>", "a" * 65 + "@x.org", "a@" + "b" * 64 + ".org", "javascript:a@x.org,"),
        ],
    )
    def test_no_address(self, email: str) -> None:
        assert sign_up(email=email) == {"email": "email"}

    def test_length(self) -> None:
        domain = ".".join(["b" * 61] * 3)
        longest = f"{'a' * (254 - len(domain) - 1)}@{domain}"
        assert len(longest) == 254
        assert sign_up(email="a" + longest) == {"email": "string_too_long"}
        assert sign_up(email="a" * 64 + "@" + domain) == {}

    @pytest.mark.parametrize("email", ["ada@x.org", "a.b+c@sub.x-y.co.uk", "o'b@x.org", "a@b.c"])
    def test_good(self, email: str) -> None:
        assert UserCreate.model_validate({**GOOD, "email": email}).email == email

    @pytest.mark.parametrize("email", ["", None])
    def test_none(self, email: str | None) -> None:
        assert UserCreate.model_validate({**GOOD, "email": email}).email is None
        assert UserUpdate.model_validate({"email": email}).model_dump(exclude_unset=True) == {
            "email": None
        }


class TestPassword:
    def test_empty(self) -> None:
        assert refused(Login, uid="ada", password="") == {"password": "password_empty"}

    @pytest.mark.parametrize("password", ["x" * 1025, "é" * 513, "x" * 100_000])
    def test_too_long(self, password: str) -> None:
        assert refused(Login, uid="ada", password=password) == {"password": "password_too_long"}

    @pytest.mark.parametrize("password", ["x" * 1024, "é" * 512, "x", "a\x00b"])
    def test_within_bounds(self, password: str) -> None:
        assert refused(Login, uid="ada", password=password) == {}

    def test_half_a_character(self) -> None:
        made = SecretStr("\ud800" * 8)
        assert refused(Login, uid="ada", password=made) == {"password": "password_characters"}

    def test_is_not_shown(self) -> None:
        login = Login.model_validate({"uid": "ada", "password": "hunter2"})
        assert "hunter2" not in f"{login!r} {login} {login.model_dump_json()}"


class TestLoginName:
    def test_bounds(self) -> None:
        """Bounded and not judged: old accounts have odd names."""
        assert refused(Login, uid="", password="x") == {"uid": "string_too_short"}
        assert refused(Login, uid="x" * 65, password="x") == {"uid": "string_too_long"}
        for uid in ("x", " é/@", "x" * 64):
            assert refused(Login, uid=uid, password="x") == {}


class TestOneTimeTokens:
    def test_bounds(self) -> None:
        for length, kind in ((0, "too_short"), (101, "too_long")):
            body = {"token": "x" * length, "new_password": "x"}
            assert refused(PasswordReset, **body) == {"token": kind}
        for length in (1, 100):
            assert refused(PasswordReset, token="x" * length, new_password="x") == {}

    def test_refresh_tokens(self) -> None:
        assert refused(RefreshRequest, refresh_token="") == {"refresh_token": "too_short"}
        assert refused(RefreshRequest, refresh_token="x" * 201) == {"refresh_token": "too_long"}
        for length in (1, 200):
            assert refused(RefreshRequest, refresh_token="x" * length) == {}


class TestFold:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("ADA", "ada"),
            ("Straße", "STRASSE"),
            ("\ufb01", "FI"),
            ("\uff21da", "ada"),
            ("E\u0301", "é"),
        ],
    )
    def test_two_spellings_of_one(self, one: str, other: str) -> None:
        assert fold(one) == fold(other)

    def test_different_letters(self) -> None:
        assert fold("ada") != fold("adá")

    @pytest.mark.parametrize("code", [0, 0xD800, 0xDFFF])
    def test_holds_what_both_databases_hold(self, code: int) -> None:
        text = f"a{chr(code)}b"
        assert storable(text) == fold(text) == "a\ufffdb"

    def test_leaves_other_characters(self) -> None:
        everything = "".join(map(chr, [1, 9, 127, 0xD7FF, 0xE000, 0x1F600]))
        assert storable(everything) == everything


class TestWhatGoesOut:
    USER = User(
        id=7,
        uid="ada",
        uid_folded="ada",
        name="Ada",
        name_folded="ada",
        password_hash="secret",
        role=Role.TEACHER,
    )

    def test_public_part(self) -> None:
        shown = UserPublic.model_validate(self.USER).model_dump()
        assert shown == {"id": self.USER.public_id, "uid": "ada", "name": "Ada", "role": "teacher"}

    def test_own_account(self) -> None:
        shown = UserAccount.model_validate(self.USER).model_dump()
        assert shown.keys() == {
            *("id", "uid", "name", "role", "email", "is_active", "created_at", "updated_at")
        }

    def test_link(self) -> None:
        at = datetime(2026, 1, 1, tzinfo=UTC)
        assert OneTimeLinkPublic(url="x", expires_at=at).model_dump() == {
            "url": "x",
            "expires_at": at,
        }
