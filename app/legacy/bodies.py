"""Reading bodies as the old servers did: JSON, unknown fields ignored, wrong types overlooked.

A field that cannot be used counts as not sent, exactly where `contract` pages rely on it (a
malformed birth date, a year or an id as text); what must be there is asked for by the route.
"""

from datetime import date
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from app.error_handlers import describe
from app.errors import FieldsRefused, MalformedBody, UnsupportedBody
from app.schemas import storable
from app.strict_json import loads

M = TypeVar("M", bound=BaseModel)

_DATE_LENGTH = 10
_TRUE = {"true", "1", "yes", "on"}
# What a column for whole numbers holds on both databases.
MAX_INTEGER = 2_147_483_647


async def _read(request: Request) -> Any:
    raw = await request.body()
    if not raw.strip():
        return None
    expect_json(request)
    return parse(raw)


def expect_json(request: Request) -> None:
    """Raise UnsupportedBody unless a request says that its body is JSON."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedBody("Send JSON with Content-Type: application/json.")


def parse(raw: bytes) -> Any:
    """Return what stands in JSON.

    Raises:
        MalformedBody: this is none.
    """
    try:
        return loads(raw)
    except ValueError as error:
        raise MalformedBody("The body is not valid JSON.") from error


# Whatever JSON was sent; None for an empty body.
BodyDep = Annotated[Any, Depends(_read)]


async def _read_object(body: BodyDep) -> dict[str, Any]:
    return body if isinstance(body, dict) else {}


# The object that was sent; an empty one for anything else.
ObjectDep = Annotated[dict[str, Any], Depends(_read_object)]


def validate(model: type[M], values: dict[str, Any]) -> M:
    """Check against a wire model.

    Raises:
        FieldsRefused: with what is wrong, in one sentence.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise FieldsRefused(*(describe(item) for item in found)) from error


def text(body: dict[str, Any], *names: str) -> str | None:
    """Return the first of some fields that is there, as text; None without one."""
    for name in names:
        value = body.get(name)
        if isinstance(value, bool):
            continue
        if isinstance(value, str | int | float):
            return storable(str(value))
    return None


def texts(value: Any) -> list[str]:
    """Return a list of texts: of a list, or of a single text."""
    found = value if isinstance(value, list) else [value]
    return [storable(item) for item in found if isinstance(item, str) and item.strip()]


def number(value: Any) -> int | None:
    """Return a whole number that fits a column, also from text (`"2026"`); None for all else."""
    if isinstance(value, str) and len(value.strip()) <= _DATE_LENGTH:
        value = value.strip()
        value = int(value) if value.isascii() and value.isdigit() else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MAX_INTEGER else None


def flag(body: dict[str, Any], *names: str) -> bool | None:
    """Return the first of some fields that is there, as true or false; None without one."""
    for name in names:
        value = body.get(name)
        if isinstance(value, bool | int | float):
            return bool(value)
        if isinstance(value, str):
            return value.strip().lower() in _TRUE
    return None


def birth_date(value: Any) -> date | None:
    """Return a date from `2008-11-30` or `11-30-2008`; None for anything else."""
    if not isinstance(value, str) or len(value) != _DATE_LENGTH:
        return None
    parts = value.replace("/", "-").split("-")
    iso = "-".join((parts[-1], *parts[:-1])) if len(parts[0]) != 4 else "-".join(parts)  # noqa: PLR2004
    try:
        return date.fromisoformat(iso)
    except ValueError:
        return None
