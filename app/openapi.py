"""The OpenAPI document: how routes declare their refusals, and what is mended before it is shown.

A route declares the refusals of its own. What follows from its kind (it writes, it takes a body) is
added here, once for all of them, and so is the 422, which FastAPI would describe as its own.
"""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.errors import (
    AppError,
    BodyTooLarge,
    CrossOriginRefused,
    FieldsRefused,
    MalformedBody,
    Unauthenticated,
    UnsupportedBody,
)
from app.schemas import Problem

_MEDIA_TYPE = "application/problem+json"
# OAuth2's password form, and what the document calls logging in by it.
TOKEN_PATH, FORM_SCHEME = "/api/v1/auth/token", "Password"

DESCRIPTION = """
The backend of portfolio sites. Everything of ours lives under `/api/v1`.

**Logging in.** From a page of this server or of an allowed front end, `POST /api/v1/auth/login`
sets a cookie; with `with_token` it answers an access and a refresh token as well, and so does the
form at `POST /api/v1/auth/token`, unless this server does without it. Send the first of these as
`Authorization: Bearer …`. Press *Authorize* to try it here. Who has a second factor is asked for a
`code` as well.

**Errors** are RFC 9457 problem documents: `type` names the kind, `detail` says what happened,
`errors` lists refused fields, `request_id` is what to tell whoever runs the site.

**Lists** answer `items` and `next`; pass `next` as `cursor` to read on.
"""


def refusals(*kinds: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """Return the `responses=` of a route: its refusals by status, each with an example."""
    answers: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        answer = answers.setdefault(
            kind.status, {"description": HTTPStatus(kind.status).phrase, "content": _content()}
        )
        answer["content"][_MEDIA_TYPE]["examples"][kind.slug] = {"value": _example(kind)}
    return answers


def _content() -> dict[str, Any]:
    return {_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}}


def _example(kind: type[AppError]) -> dict[str, Any]:
    return {
        "type": f"/problems#{kind.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": f"{kind.title}.",
        "instance": "/api/v1/…",
        "request_id": "5f3a9c0b1d2e4f60",
    }


def operation_id(route: APIRoute) -> str:
    """Return `tag-function`: it stays the same when a path or a module moves."""
    return f"{route.tags[0]}-{route.name}" if route.tags else route.name


def mend(app: FastAPI) -> None:
    """Replace `app.openapi` by one whose 422 are ours and whose Problem schema is defined."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            model = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(model.pop("$defs", {}))
            schemas["Problem"] = model
            if TOKEN_PATH not in document["paths"]:
                _forget_scheme(document, FORM_SCHEME)
            for operations in document["paths"].values():
                for method, operation in operations.items():
                    _mend_operation(method, operation)
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents


def _forget_scheme(document: dict[str, Any], name: str) -> None:
    """Take a way to log in that is not there out of a document."""
    del document["components"]["securitySchemes"][name]
    for operations in document["paths"].values():
        for operation in operations.values():
            if "security" in operation:
                operation["security"] = [way for way in operation["security"] if name not in way]


def _mend_operation(method: str, operation: dict[str, Any]) -> None:
    _say_what_it_does(operation)
    if operation.get("deprecated"):
        # The old wire: it has errors of its own, and no 422 among them.
        operation["responses"].pop("422", None)
        return
    common: list[type[AppError]] = [] if method == "get" else [CrossOriginRefused]
    if "requestBody" in operation:
        common += [MalformedBody, BodyTooLarge, UnsupportedBody]
    responses = operation["responses"]
    if "422" in responses:
        common.append(FieldsRefused)
        responses["422"]["content"].pop("application/json", None)
    for status, answer in refusals(*common).items():
        own = responses.setdefault(str(status), answer)
        content = own["content"].setdefault(_MEDIA_TYPE, answer["content"][_MEDIA_TYPE])
        content["examples"] |= answer["content"][_MEDIA_TYPE]["examples"]
        own["description"] = answer["description"]
    operation["responses"] = dict(sorted(responses.items()))
    if "security" in operation and not _needs_login(responses):
        # Credentials change the answer and are not needed.
        operation["security"].insert(0, {})


def _say_what_it_does(operation: dict[str, Any]) -> None:
    """Make the first sentence of the docstring the summary, which FastAPI takes from the name."""
    sentence, _, rest = operation.pop("description").partition(". ")
    operation["summary"] = sentence.removesuffix(".")
    if rest:
        operation["description"] = rest


def _needs_login(responses: dict[str, Any]) -> bool:
    content = responses.get("401", {}).get("content", {})
    return Unauthenticated.slug in content.get(_MEDIA_TYPE, {}).get("examples", {})
