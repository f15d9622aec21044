"""What refusals carry: words for people, slugs for programs, headers for browsers."""

import pytest

from app import errors
from app.errors import AppError, FieldError, FieldsRefused, TooManyAttempts, UidTaken, WrongPassword

PLAIN = [kind for kind in errors.all_kinds() if kind not in {FieldsRefused, TooManyAttempts}]


class TestEveryKind:
    @pytest.mark.parametrize("kind", PLAIN)
    def test_speaks_in_sentences_without_a_code_or_a_shout(self, kind: type[AppError]) -> None:
        text = f"{kind.title}. {kind.advice} {kind().detail}"
        assert "!" not in text
        assert not any(word in text.lower() for word in ("please", "oops", "sorry", "invalid"))
        assert kind.title[0].isupper()
        assert not kind.title.endswith(".")
        assert kind.advice.endswith(".")
        assert str(kind.status) not in text

    @pytest.mark.parametrize("kind", PLAIN)
    def test_detail_is_the_title_unless_given(self, kind: type[AppError]) -> None:
        assert str(kind()) == kind().detail == f"{kind.title}."
        assert str(kind("Something else.")) == kind("Something else.").detail == "Something else."

    @pytest.mark.parametrize("kind", PLAIN)
    def test_401_has_a_challenge_and_nothing_else_has(self, kind: type[AppError]) -> None:
        challenge = kind().headers.get("WWW-Authenticate", "")
        assert challenge.startswith('Bearer realm="portfolio"') == (kind.status == 401)

    @pytest.mark.parametrize("kind", PLAIN)
    def test_what_passes_says_when_to_come_back(self, kind: type[AppError]) -> None:
        assert kind().headers.get("Retry-After") == {503: "2", 507: "60"}.get(kind.status)


class TestChallenge:
    """RFC 6750, section 3.1: an error is named only when credentials were sent."""

    @pytest.mark.parametrize("kind", [errors.TokenInvalid, errors.CredentialsDisagree])
    def test_with_a_token(self, kind: type[AppError]) -> None:
        challenge = 'Bearer realm="portfolio", error="invalid_token"'
        assert kind().headers == {"WWW-Authenticate": challenge}

    @pytest.mark.parametrize("kind", [errors.Unauthenticated, errors.PageNeedsLogin])
    def test_without_one(self, kind: type[AppError]) -> None:
        assert kind().headers == {"WWW-Authenticate": 'Bearer realm="portfolio"'}


class TestGrants:
    @pytest.mark.parametrize("kind", [errors.LoginFailed, errors.RefreshTokenInvalid])
    def test_speak_oauth(self, kind: type[AppError]) -> None:
        """RFC 6749, section 5.2."""
        assert kind().extensions == {"error": "invalid_grant", "error_description": kind.title}

    def test_others_have_no_extensions(self) -> None:
        assert errors.TokenInvalid().extensions == {}


class TestFields:
    def test_none_by_default(self) -> None:
        assert AppError().fields == ()

    def test_refused_fields_make_the_detail(self) -> None:
        first, second = FieldError("/a", "First."), FieldError("/b", "Second.", "code")
        refusal = FieldsRefused(first, second)
        assert refusal.fields == (first, second)
        assert refusal.detail == "First. Second."
        assert (first.code, second.code) == ("refused", "code")

    def test_detail_may_be_given(self) -> None:
        assert FieldsRefused(FieldError("/a", "First."), detail="Other.").detail == "Other."

    def test_known_places(self) -> None:
        taken = FieldError("/uid", "That user name is taken. Try another.", "taken")
        assert UidTaken().fields == (taken,)
        wrong = FieldError(
            "/current_password", "That is not your current password.", "wrong_password"
        )
        assert WrongPassword().fields == (wrong,)


class TestTooManyAttempts:
    @pytest.mark.parametrize(
        ("left", "said", "words"),
        [
            *((0.0, 1, "a second"), (0.2, 1, "a second"), (1.0, 1, "a second")),
            *((1.01, 2, "2 seconds"), (89.5, 90, "90 seconds"), (90.0, 90, "90 seconds")),
            *((90.1, 91, "2 minutes"), (120.0, 120, "2 minutes"), (120.5, 121, "3 minutes")),
            (899.2, 900, "15 minutes"),
        ],
    )
    def test_rounds_up(self, left: float, said: int, words: str) -> None:
        refusal = TooManyAttempts(left)
        assert refusal.retry_after == said
        assert refusal.headers == {"Retry-After": str(said)}
        assert refusal.detail == f"Too many attempts. Try again in {words}."
        assert TooManyAttempts(5).headers == {"Retry-After": "5"}


class TestHashingBusy:
    @pytest.mark.parametrize(
        ("wait", "said"), [(0.0, 2), (1.9, 2), (2.1, 3), (59.5, 60), (1000.0, 60)]
    )
    def test_says_when_it_may_be_over(self, wait: float, said: int) -> None:
        assert errors.HashingBusy(retry_after=wait).headers == {"Retry-After": str(said)}

    def test_each_for_itself(self) -> None:
        assert errors.HashingBusy(retry_after=9.0).headers != errors.HashingBusy().headers


class TestAllKinds:
    def test_each_once_by_status(self) -> None:
        kinds = errors.all_kinds()
        assert len(set(kinds)) == len(kinds) > 25
        assert [kind.status for kind in kinds] == sorted(kind.status for kind in kinds)
        assert kinds.index(errors.Forbidden) < kinds.index(errors.AdminRequired)
        assert AppError in kinds
