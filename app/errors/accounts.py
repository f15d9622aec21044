"""Refusals about accounts, logins, sessions and one-time links."""

import math
from collections.abc import Mapping

from app.errors.general import (
    Conflict,
    FieldError,
    Forbidden,
    NotFound,
    Unauthenticated,
    Unavailable,
)

_LONGEST_WAIT = 60


class TokenInvalid(Unauthenticated):
    """A token was sent and does not hold. Deliberately says no more than that."""

    slug = "invalid-token"
    title = "Your login has ended"
    advice = "Log in again."
    headers: Mapping[str, str] = {
        "WWW-Authenticate": 'Bearer realm="portfolio", error="invalid_token"'
    }


class PageNeedsLogin(Unauthenticated):
    """Raised by pages; `error_handlers` leads a person to the login and back."""


class CredentialsDisagree(TokenInvalid):
    slug = "credentials-disagree"
    title = "The cookie and the token belong to two different people"
    advice = "Log out on the page, or send the token without the cookie."


class LoginFailed(Unauthenticated):
    slug = "login-failed"
    title = "User name or password is wrong"
    advice = "Check both. Capitals count in a password. An admin can make you a reset link."
    extensions: Mapping[str, object] = {"error": "invalid_grant", "error_description": title}


class SecondFactorNeeded(Unauthenticated):
    """Name and password are right, and the account wants a code as well."""

    slug = "second-factor-needed"
    title = "A code is needed as well"
    advice = "Log in again with the code that your app shows now, or with a recovery code."
    extensions: Mapping[str, object] = {"error": "invalid_grant", "error_description": title}

    def __init__(self, detail: str | None = None, *, ticket: str = "") -> None:
        super().__init__(detail)
        # For the page that asks for the code next; no part of an answer in JSON.
        self.ticket = ticket


class LoginTimedOut(Unauthenticated):
    slug = "login-timed-out"
    title = "Too much time has passed since your password"
    advice = "Log in again from the start."


class RefreshTokenInvalid(Unauthenticated):
    slug = "invalid-refresh-token"
    title = "This login can no longer be refreshed"
    advice = "Log in again."
    extensions: Mapping[str, object] = {"error": "invalid_grant", "error_description": title}


class AdminRequired(Forbidden):
    slug = "admin-required"
    title = "Only an admin may do this"


class WrongPassword(Forbidden):
    slug = "wrong-password"
    title = "That is not your current password"
    advice = "Type the password you log in with now."
    fields = (FieldError("/current_password", f"{title}.", "wrong_password"),)


class PasswordNeeded(Forbidden):
    """The login is no longer fresh, and what was asked for takes the password once more."""

    slug = "password-needed"
    title = "Your password is needed once more for this"
    advice = (
        "Send it along as `current_password` where that is taken, or log in again: for ten minutes "
        "a login is enough."
    )
    fields = (FieldError("/current_password", "Give your current password.", "password_needed"),)


class SecondFactorRequired(Forbidden):
    """This site wants a second factor of this person, who has none yet."""

    slug = "second-factor-required"
    title = "Set up a second factor first"
    advice = "Open your account on this server's pages. Until then nothing else is open to you."


class CodeRefused(Forbidden):
    slug = "code-refused"
    title = "That code does not hold"
    advice = "Type the one that your app shows now. Each works once, for half a minute."
    fields = (FieldError("/code", f"{title}. {advice}", "code_refused"),)


class SignupClosed(Forbidden):
    slug = "signup-closed"
    title = "Sign-up is closed here"
    advice = "Ask an admin for an account."


class InviteRequired(Forbidden):
    slug = "invite-required"
    title = "You need an invitation to sign up here"
    advice = "Open the invitation link you were given, or ask an admin for one."


class UserNotFound(NotFound):
    slug = "user-not-found"
    title = "There is no such user"
    advice = "Check the user name."


class SessionNotFound(NotFound):
    slug = "session-not-found"
    title = "There is no such session"
    advice = "It may have ended already. Look at the list of your sessions."


class LinkInvalid(NotFound):
    slug = "link-invalid"
    title = "This link does not work any more"
    advice = "Links work once and for a limited time. Ask for a new one."


class UidTaken(Conflict):
    slug = "uid-taken"
    title = "That user name is taken"
    advice = "Try another."
    fields = (FieldError("/uid", f"{title}. {advice}", "taken"),)


class LastAdmin(Conflict):
    slug = "last-admin"
    title = "This is the last active admin"
    advice = "Make somebody else an admin first."


class SecondFactorOn(Conflict):
    slug = "second-factor-on"
    title = "There is a second factor already"
    advice = "Remove it first, with a code of it."


class SecondFactorOff(Conflict):
    slug = "second-factor-off"
    title = "There is no second factor to do that with"
    advice = "Begin with setting one up."


class HashingBusy(Unavailable):
    slug = "hashing-busy"
    title = "Many people are logging in at once"

    def __init__(self, detail: str | None = None, *, retry_after: float = 0.0) -> None:
        super().__init__(detail)
        # Whoever comes back when the queue has moved on finds a place.
        self.headers = {"Retry-After": str(min(max(2, math.ceil(retry_after)), _LONGEST_WAIT))}
