"""From an exception to an answer: RFC 9457 problem JSON, or a page for whoever asks for HTML.

Every answer to a failure is made here, so that none of them echoes what was sent, shows a stack,
or depends on which layer failed.
"""

import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from fastapi.exceptions import RequestValidationError
from fastapi.params import Form
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Match

from app import errors
from app.dependencies import find_principal
from app.errors import (
    AppError,
    FieldError,
    FieldsRefused,
    MethodNotAllowed,
    NoRoomLeft,
    PageNeedsLogin,
    SecondFactorRequired,
)
from app.incoming import wants_html
from app.observability import conceal, request_id
from app.rendering import page
from app.strict_json import NOWHERE
from app.trouble import has_no_room

log = logging.getLogger("portfolio.error")

_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
_FORM_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data"}
# A body of a thousand unknown fields is not answered with a thousand sentences.
_MAX_FIELDS = 20

_BY_STATUS: dict[int, type[AppError]] = {
    400: errors.MalformedBody,
    401: errors.Unauthenticated,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    413: errors.BodyTooLarge,
    415: errors.UnsupportedBody,
    422: errors.Unprocessable,
    503: errors.Unavailable,
}


async def respond(request: Request, error: Exception) -> Response:
    """Answer any exception, in the words of whatever speaks at this address."""
    refusal, headers = _refuse(request, error)
    if isinstance(refusal, NoRoomLeft):
        cause = refusal.__cause__ or error
        log.error(refusal.title, extra={"cause": str(getattr(cause, "orig", cause))})
        request.app.state.metrics.count_no_room()
    for speak in request.app.state.dialects:
        answer: Response | None = speak(request, refusal, headers)
        if answer is not None:
            return answer
    if not wants_html(request):
        return JSONResponse(
            problem(refusal, quote(conceal(request.scope["path"]), safe="/:@!$&'()*+,;=-._~")),
            status_code=refusal.status,
            headers=headers,
            media_type="application/problem+json",
        )
    if isinstance(refusal, PageNeedsLogin) and request.method == "GET":
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?{urlencode({'next': target})}", status_code=303)
    if isinstance(refusal, SecondFactorRequired) and request.method == "GET":
        return RedirectResponse("/account/second-factor", status_code=303)
    await _remember_viewer(request)
    return page(request, "error.html", status=refusal.status, headers=headers, error=refusal)


def _refuse(request: Request, error: Exception) -> tuple[AppError, dict[str, str]]:
    """Return the refusal an exception stands for. What is not a known one is logged: a bare 500."""
    headers: dict[str, str] = {}
    if isinstance(error, AppError):
        refusal = error
    elif has_no_room(error):
        # A file, such as that of a large form on its way in. Databases say it themselves.
        refusal = errors.NoRoomLeft()
    elif isinstance(error, RequestValidationError):
        refusal = _from_validation(error.errors(), request)
    elif isinstance(error, HTTPException):
        refusal = _BY_STATUS.get(error.status_code, errors.BadRequest)()
        headers = dict(error.headers or {})
        if error.status_code == MethodNotAllowed.status:
            headers["Allow"] = _allow(request)
    elif isinstance(error, ClientDisconnect):
        # Nobody hears this answer; it stands in the log.
        refusal = errors.MalformedBody("The body ended too early.")
    else:
        log.error("Unhandled exception", exc_info=error)
        refusal = AppError()
    return refusal, {**headers, **refusal.headers}


def _allow(request: Request) -> str:
    """Return every method of this address; the framework names those of one route alone."""
    methods = [
        method
        for method in _METHODS
        for route in request.app.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    ]
    return ", ".join(sorted({*methods, "HEAD"} if "GET" in methods else methods))


async def _remember_viewer(request: Request) -> None:
    """Let the error page greet whoever is logged in, if that can be found out at all."""
    if not hasattr(request.state, "principal"):
        try:
            request.state.principal = await find_principal(request)
        except Exception:  # noqa: BLE001  (the page must appear whatever is broken)
            request.state.principal = None


def problem(error: AppError, instance: str) -> dict[str, Any]:
    """Return the problem document of a refusal (RFC 9457)."""
    document: dict[str, Any] = {
        "type": f"/problems#{error.slug}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
        "request_id": request_id.get(),
        **error.extensions,
    }
    if error.fields:
        document["errors"] = [
            {"pointer": field.pointer, "message": field.message, "code": field.code}
            for field in error.fields
        ]
    return document


def _from_validation(found: Sequence[Any], request: Request) -> AppError:
    """Turn pydantic's findings into ours, without the input they carry."""
    kinds = {item["type"] for item in found}
    if "json_invalid" in kinds:
        return _not_json(found[0])
    is_whole_body = any(tuple(item["loc"]) == ("body",) for item in found)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if _takes_form(request):
        if media_type not in _FORM_TYPES:
            return errors.UnsupportedBody("Send a form: application/x-www-form-urlencoded.")
    elif is_whole_body and "model_attributes_type" in kinds and not _is_json(media_type):
        return errors.UnsupportedBody("Send JSON with Content-Type: application/json.")
    fields = [describe(item) for item in found[:_MAX_FIELDS]]
    return FieldsRefused(*fields, detail="Some fields are not valid.")


def _not_json(item: Any) -> AppError:
    place, reason = item["loc"][-1], item["ctx"]["error"]
    where = "" if place == NOWHERE else f" at character {place}"
    return errors.MalformedBody(f"The body is not valid JSON: {reason}{where}.")


def _takes_form(request: Request) -> bool:
    body = getattr(request.scope.get("route"), "body_field", None)
    return body is not None and isinstance(body.field_info, Form)


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


def describe(item: Any) -> FieldError:
    """Return one finding of pydantic as a pointer, a sentence and a code."""
    place = item["loc"][1:] if item["loc"] and item["loc"][0] in _PLACES else item["loc"]
    pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in place)
    message = _SENTENCES.get(item["type"], item["msg"])
    for name, value in (item.get("ctx") or {}).items():
        message = message.replace(f"<{name}>", str(value))
    return FieldError(pointer, message, item["type"])


_PLACES = {"body", "query", "path", "header", "cookie"}
_SENTENCES = {
    "missing": "This field is required.",
    "extra_forbidden": "This field is not known here.",
    "string_type": "This must be text.",
    "string_too_short": "Use at least <min_length> characters.",
    "string_too_long": "Use at most <max_length> characters.",
    "too_long": "Use at most <max_length> characters.",
    "too_short": "Fill this in.",
    "bool_type": "This must be true or false.",
    "literal_error": "Choose one of <expected>.",
    "int_parsing": "This must be a whole number.",
    "greater_than_equal": "This must be at least <ge>.",
    "less_than_equal": "This must be at most <le>.",
    "model_attributes_type": "Send a JSON object.",
    "string_unicode": "Use ordinary characters.",
}
