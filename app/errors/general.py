"""Refusals that any address may give, whatever it is about: the tree's root and branches."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

# A longer time to wait is told in minutes.
_IN_SECONDS = 90


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


class Forbidden(AppError):
    status = 403
    slug = "forbidden"
    title = "You may not do this"
    advice = "Ask an admin of this site."


class CrossOriginRefused(Forbidden):
    slug = "cross-origin-refused"
    title = "This came from a page of another site"
    advice = "Use the site's own pages. Whoever runs it can allow a front end in CORS_ORIGINS."


class NotFound(AppError):
    status = 404
    slug = "not-found"
    title = "There is nothing here"
    advice = "Check the address, or start from the home page."


class MethodNotAllowed(AppError):
    status = 405
    slug = "method-not-allowed"
    title = "This address does not take that method"
    advice = "Look at /docs for what it takes."


class RequestTimeout(AppError):
    status = 408
    slug = "request-timeout"
    title = "The request took too long to arrive"
    advice = "Try again on a faster connection, or send less at once."


class Conflict(AppError):
    status = 409
    slug = "conflict"
    title = "This clashes with what is there"


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
        super().__init__(f"Too many attempts. Try again in {_in_words(self.retry_after)}.")


def _in_words(seconds: int) -> str:
    """Say a time to wait as people do, never shorter than it is."""
    if seconds <= _IN_SECONDS:
        return "a second" if seconds == 1 else f"{seconds} seconds"
    return f"{math.ceil(seconds / 60)} minutes"


class HeadTooLarge(AppError):
    status = 431
    slug = "head-too-large"
    title = "The address or the headers of the request are too long"
    advice = "Delete the cookies of this site and try again."


class Unavailable(AppError):
    status = 503
    slug = "unavailable"
    title = "The site is busy"
    advice = "Wait a few seconds, then try again."
    headers: Mapping[str, str] = {"Retry-After": "2"}


class TooManyConnections(Unavailable):
    slug = "too-many-connections"
    title = "Too many connections are open"


class DatabaseBusy(Unavailable):
    slug = "database-busy"
    title = "The database is busy"


class OutcomeUnknown(DatabaseBusy):
    slug = "outcome-unknown"
    title = "The database was lost in the middle, and whether it kept this is not known"
    advice = "Look whether it is there before you send it again."


class NoRoomLeft(Unavailable):
    status = 507
    slug = "no-room-left"
    title = "Nothing can be stored: the disk is full"
    advice = (
        "Nothing was changed, and what is there can be read. Whoever runs the site has to make "
        "room on its disk; then try again."
    )
    headers: Mapping[str, str] = {"Retry-After": "60"}


class NotReady(Unavailable):
    slug = "not-ready"
    title = "This server cannot do its work"
    advice = "Whoever runs the site has to mend what the reasons say."

    def __init__(
        self, detail: str | None = None, *, reasons: tuple[Mapping[str, str], ...] = ()
    ) -> None:
        if reasons:
            self.extensions = {"reasons": list(reasons)}
        super().__init__(detail or " ".join(reason["detail"] for reason in reasons) or None)
