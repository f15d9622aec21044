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


class HashingBusy(Unavailable):
    slug = "hashing-busy"
    title = "Many people are logging in at once"

    def __init__(self, detail: str | None = None, *, retry_after: float = 0.0) -> None:
        super().__init__(detail)
        # Whoever comes back when the queue has moved on finds a place.
        self.headers = {"Retry-After": str(min(max(2, math.ceil(retry_after)), _LONGEST_WAIT))}
