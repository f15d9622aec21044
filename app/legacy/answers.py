"""The shape of errors on the old wire: `{"message", "data", "error"}`, never a problem document.

Old pages read `message`, and test for single statuses. Whatever is refused anywhere in the server,
if the address is one of the old ones, is answered here.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.requests import Request

from app.errors import (
    AdminRequired,
    AppError,
    ChannelNotFound,
    Forbidden,
    GroupNotFound,
    LoginFailed,
    NotYours,
    PasswordNeeded,
    PostNotFound,
    SecondFactorNeeded,
    SecondFactorRequired,
    SectionNotFound,
    StaffRequired,
    TokenInvalid,
    Unauthenticated,
    Unprocessable,
)

# Pages of the old servers, and the calls that those pages make.
_CALLS = ("/users/delete/", "/users/reset_password/")
_NEW = "/api/v1"


class LegacyError(BaseModel):
    """An error as the old servers wrote it."""

    message: str
    data: None = None
    error: str


def speaks_legacy(path: str) -> bool:
    """Whether errors at this path have the old shape."""
    is_api = path == "/api" or path.startswith("/api/")
    is_new = path == _NEW or path.startswith(f"{_NEW}/")
    return (is_api and not is_new) or path.startswith(_CALLS)


def speak(request: Request, refusal: AppError, headers: Mapping[str, str]) -> JSONResponse | None:
    """Answer a refusal at an old address; None for every other address."""
    if not speaks_legacy(request.scope["path"]):
        return None
    status = _status(refusal)
    return JSONResponse(
        body(status, message_of(refusal)), status_code=status, headers=dict(headers)
    )


def body(status: int, message: str) -> dict[str, Any]:
    # The old servers wrote "Bad request", and the rest as the standard does.
    phrase = "Bad request" if status == HTTPStatus.BAD_REQUEST else HTTPStatus(status).phrase
    return LegacyError(message=message, error=phrase).model_dump()


def _status(refusal: AppError) -> int:
    # Old pages know 400 for a body that will not do, and no 422.
    is_body = isinstance(refusal, Unprocessable)
    return HTTPStatus.BAD_REQUEST if is_body else refusal.status


def message_of(refusal: AppError) -> str:
    """Return a refusal's own detail; where it has none, what the old servers said."""
    if isinstance(refusal, TokenInvalid):
        return "Authentication Token is invalid or has expired"
    is_plain = refusal.detail == f"{refusal.title}."
    return _PLAIN.get(type(refusal), refusal.detail) if is_plain else refusal.detail


_PLAIN: Mapping[type[AppError], str] = {
    Unauthenticated: "Authentication Token is missing!",
    LoginFailed: "Invalid user id or password",
    SecondFactorNeeded: "Type your password with the code of your app right behind it",
    SecondFactorRequired: "Set up a second factor on the account page of this server first",
    Forbidden: "Insufficient permissions.",
    AdminRequired: "Insufficient permissions.",
    StaffRequired: "Insufficient permissions.",
    NotYours: "Insufficient permissions, user is not owner or admin.",
    PasswordNeeded: "You logged in more than 10 minutes ago. Log out, log in and try this again.",
    SectionNotFound: "Section not found",
    GroupNotFound: "Group not found",
    ChannelNotFound: "Channel not found",
    PostNotFound: "Post not found",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses=` of an old route: the statuses it may answer besides 200."""
    return {
        status: {"model": LegacyError, "description": HTTPStatus(status).phrase}
        for status in sorted({*statuses, 400, 403, 413, 415})
    }
