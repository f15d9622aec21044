"""Every refusal this application can give, as one tree of exceptions. Knows no framework.

A class says a fact (`UidTaken`) and carries what a client and a person need: the HTTP status,
a slug for programs, a title, and advice on what to do next. Services raise them,
`error_handlers.py` turns them into RFC 9457 problem JSON or a page.

    AppError
    ├── BadRequest 400
    │   ├── MalformedBody         the body is not what its Content-Type says
    │   └── UnknownHost           the Host header is not one of ours
    ├── Unauthenticated 401       no credentials were sent
    │   ├── PageNeedsLogin        the same, on a page: people are led to the login
    │   ├── TokenInvalid          a token was sent and does not hold
    │   │   └── CredentialsDisagree   a cookie and a bearer token of two different people
    │   ├── LoginFailed           uid and password do not match an active account
    │   └── RefreshTokenInvalid   unknown, expired, ended, or used before
    ├── Forbidden 403
    │   ├── AdminRequired
    │   ├── CrossOriginRefused    a browser sent this from a page of another site
    │   ├── WrongPassword         the password given to confirm a change is not yours
    │   ├── SignupClosed
    │   └── InviteRequired
    ├── NotFound 404
    │   ├── UserNotFound
    │   ├── SessionNotFound
    │   └── LinkInvalid           unknown, used or expired one-time link
    ├── MethodNotAllowed 405
    ├── Conflict 409
    │   ├── UidTaken
    │   └── LastAdmin             the last active admin cannot be removed
    ├── BodyTooLarge 413
    ├── UnsupportedBody 415       not the Content-Type this address takes
    ├── Unprocessable 422
    │   └── FieldsRefused         the payload is well formed, and these fields are not acceptable
    ├── TooManyAttempts 429
    └── Unavailable 503
        ├── HashingBusy           too many logins wait for a hash
        └── DatabaseBusy          no connection in time, or the database cannot be reached
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One refused field: a JSON pointer (RFC 6901) and a sentence. Never the value."""

    pointer: str
    message: str
    code: str = "refused"


class AppError(Exception):
    """Base of all refusals. Catch it where a refusal becomes an answer, nowhere else."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Something went wrong on our side"
    advice: ClassVar[str] = "Try again in a minute. If it goes on, tell whoever runs this site."
    # What the answer must carry, such as WWW-Authenticate.
    headers: Mapping[str, str] = {}
    # Further members of the problem document (RFC 9457, section 3.2).
    extensions: Mapping[str, object] = {}
    # The refused fields, empty unless the refusal is about fields.
    fields: tuple[FieldError, ...] = ()

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or self.title + "."
        super().__init__(self.detail)


class BadRequest(AppError):
    status = 400
    slug = "bad-request"
    title = "The request could not be read"
    advice = "Check what was sent and try again."


class MalformedBody(BadRequest):
    slug = "malformed-body"
    title = "The body could not be read"
    advice = "Send a body that matches its Content-Type; JSON as in RFC 8259."


class UnknownHost(BadRequest):
    slug = "unknown-host"
    title = "This address is not one of ours"
    advice = "Open the site by its own address. Whoever runs it can add this one to ALLOWED_HOSTS."


class Unauthenticated(AppError):
    status = 401
    slug = "not-authenticated"
    title = "You are not logged in"
    advice = "Log in, or send an access token in the Authorization header."
    # RFC 6750 section 3.1: without credentials the challenge names no error.
    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="portfolio"'}


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


class Forbidden(AppError):
    status = 403
    slug = "forbidden"
    title = "You may not do this"
    advice = "Ask an admin of this site."


class AdminRequired(Forbidden):
    slug = "admin-required"
    title = "Only an admin may do this"


class CrossOriginRefused(Forbidden):
    slug = "cross-origin-refused"
    title = "This came from a page of another site"
    advice = "Use the site's own pages. Whoever runs it can allow a front end in CORS_ORIGINS."


class WrongPassword(Forbidden):
    slug = "wrong-password"
    title = "That is not your current password"
    advice = "Type the password you log in with now."
    fields = (FieldError("/current_password", f"{title}.", "wrong_password"),)


class SignupClosed(Forbidden):
    slug = "signup-closed"
    title = "Sign-up is closed here"
    advice = "Ask an admin for an account."


class InviteRequired(Forbidden):
    slug = "invite-required"
    title = "You need an invitation to sign up here"
    advice = "Open the invitation link you were given, or ask an admin for one."


class NotFound(AppError):
    status = 404
    slug = "not-found"
    title = "There is nothing here"
    advice = "Check the address, or start from the home page."


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


class MethodNotAllowed(AppError):
    status = 405
    slug = "method-not-allowed"
    title = "This address does not take that method"
    advice = "Look at /docs for what it takes."


class Conflict(AppError):
    status = 409
    slug = "conflict"
    title = "This clashes with what is there"


class UidTaken(Conflict):
    slug = "uid-taken"
    title = "That user name is taken"
    advice = "Try another."
    fields = (FieldError("/uid", f"{title}. {advice}", "taken"),)


class LastAdmin(Conflict):
    slug = "last-admin"
    title = "This is the last active admin"
    advice = "Make somebody else an admin first."


class BodyTooLarge(AppError):
    status = 413
    slug = "body-too-large"
    title = "That is too much at once"
    advice = "Send less."


class UnsupportedBody(AppError):
    status = 415
    slug = "unsupported-body"
    title = "The body is of a kind this address does not take"
    advice = "Send JSON with Content-Type: application/json."


class Unprocessable(AppError):
    status = 422
    slug = "unprocessable"
    title = "The content is not acceptable"
    advice = "Mend what the list of errors names and send it again."


class FieldsRefused(Unprocessable):
    slug = "fields-refused"
    title = "Some fields are not acceptable"

    def __init__(self, *fields: FieldError, detail: str | None = None) -> None:
        self.fields = fields
        super().__init__(detail or " ".join(field.message for field in fields))


class TooManyAttempts(AppError):
    status = 429
    slug = "too-many-attempts"
    title = "Too many attempts"
    advice = "Wait a little, then try again."

    def __init__(self, retry_after: float) -> None:
        # Rounded up: whoever waits that long gets through.
        self.retry_after = max(1, math.ceil(retry_after))
        self.headers = {"Retry-After": str(self.retry_after)}
        super().__init__(f"Too many attempts. Try again in {self.retry_after} s.")


class Unavailable(AppError):
    status = 503
    slug = "unavailable"
    title = "The site is busy"
    advice = "Wait a few seconds, then try again."
    headers: Mapping[str, str] = {"Retry-After": "2"}


class HashingBusy(Unavailable):
    slug = "hashing-busy"
    title = "Many people are logging in at once"


class DatabaseBusy(Unavailable):
    slug = "database-busy"
    title = "The database is busy"


def all_kinds() -> list[type[AppError]]:
    """Return every kind of refusal, by status, the general ones first."""
    found: list[type[AppError]] = []
    waiting = [AppError]
    while waiting:
        kind = waiting.pop(0)
        found.append(kind)
        waiting.extend(kind.__subclasses__())
    return sorted(found, key=lambda kind: kind.status)
