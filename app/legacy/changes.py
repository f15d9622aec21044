"""What the old pages send to create or change a person, read leniently and told apart.

A body is a mixture: fields of the account, of the profile, and of what only the old wire knows.
Unknown fields are ignored, an empty text or `?` says nothing, and what is as it was is no change.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any

from pydantic import SecretStr, TypeAdapter, ValidationError
from sqlmodel.ext.asyncio.session import AsyncSession

from app.errors import BadRequest, FieldsRefused
from app.legacy import bodies, people
from app.legacy.people import NO_SCHOOL, UNKNOWN
from app.legacy.texts import meant
from app.models import LegacyProfile
from app.schemas import UserCreate
from app.schemas.fields import PlainJSON
from app.services import profiles

MIN_LENGTH = 2
_JSON = TypeAdapter(Annotated[Any, PlainJSON])
_MAX_SID, _MAX_SCHOOL, _MAX_CLASS, _MAX_CLASSES = 64, 200, 32, 30
# A class's bookkeeping about a person, kept as it is sent.
_JSON_FIELDS = ("hashmap", "grade_data", "ap_exam")


@dataclass(slots=True)
class Details:
    """The fields of a body that are not the account's: those for the profile, and the others."""

    profile: dict[str, Any] = field(default_factory=dict)
    legacy: dict[str, Any] = field(default_factory=dict)


def read_email(body: dict[str, Any]) -> str | None:
    """Return the e-mail of a body; None where it says nothing."""
    email = (bodies.text(body, "email") or "").strip()
    return None if email in {"", UNKNOWN} else email


def read_details(body: dict[str, Any]) -> Details:
    """Return what a body says beyond the account. What cannot be used counts as not sent."""
    return Details(_read_profile(body), _read_legacy(body))


def _read_profile(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    born: date | None = bodies.birth_date(body.get("dob"))
    if born is not None:
        found["birth_date"] = born
    for name, column, longest, nothing in (
        ("sid", "student_id", _MAX_SID, UNKNOWN),
        ("school", "school", _MAX_SCHOOL, NO_SCHOOL),
    ):
        text = bodies.text(body, name)
        if text is not None and text.strip() not in {"", UNKNOWN, nothing}:
            found[column] = meant(text).strip()[:longest]
    for name in ("class", "_class"):
        if isinstance(body.get(name), str | list):
            found["classes"] = tidy_classes(body[name])
    return found


def _read_legacy(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    wants_kasm = bodies.flag(body, "kasm_server_needed", "kasmServerNeeded")
    if wants_kasm is not None:
        found["kasm_server_needed"] = wants_kasm
    for name in _JSON_FIELDS:
        if isinstance(body.get(name), dict) and _can_be_kept(body[name]):
            found[name] = meant(body[name])
    return found


def _can_be_kept(value: dict[str, Any]) -> bool:
    try:
        _JSON.validate_python(value)
    except ValidationError:
        return False
    return True


def tidy_classes(value: Any) -> list[str]:
    """Return a list of classes from a list or a single name: short, each once, not too many."""
    names = (meant(name).strip()[:_MAX_CLASS] for name in bodies.texts(value))
    return list(dict.fromkeys(names))[:_MAX_CLASSES]


async def save_details(session: AsyncSession, details: Details, *, user_id: int) -> None:
    """Store what a body said beyond the account."""
    if details.profile or details.legacy:
        await people.lock(session, user_id=user_id)
    if details.profile:
        await profiles.update_profile(session, user_id=user_id, **details.profile)
    if details.legacy:
        found = await session.get(LegacyProfile, user_id) or LegacyProfile(user_id=user_id)
        found.sqlmodel_update(details.legacy)
        session.add(found)
        await session.flush()


def read_new(body: dict[str, Any], *, min_password: int) -> UserCreate:
    """Return the account a sign-up asks for. A `role` in it means nothing.

    Raises:
        BadRequest: in the words of the old servers, which the pages show.
    """
    name, uid = bodies.text(body, "name"), bodies.text(body, "uid")
    if name is None or len(name.strip()) < MIN_LENGTH:
        raise BadRequest("Name is missing, or is less than 2 characters")
    if uid is None or len(uid.strip()) < MIN_LENGTH:
        raise BadRequest("User ID is missing, or is less than 2 characters")
    password = bodies.text(body, "password")
    if not password:
        raise BadRequest("Password is missing")
    if len(password) < min_password:
        raise BadRequest(f"Password must be at least {min_password} characters")
    new = {"name": meant(name), "uid": uid.strip(), "password": SecretStr(password)}
    try:
        return bodies.validate(UserCreate, {**new, "email": read_email(body)})
    except FieldsRefused as refusal:
        if any(item.pointer in {"/uid", "/name"} for item in refusal.fields):
            raise BadRequest(no_account(name, uid)) from refusal
        raise


def no_account(name: str, uid: str) -> str:
    """Return the sentence of the old servers for a sign-up that came to nothing."""
    return f"Processed {name}, either a format error or User ID {uid} is duplicate"
