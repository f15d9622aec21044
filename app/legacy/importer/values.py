"""Single values of an old database: made fit for our columns, with a note on what was changed.

The columns of SQLite hold anything, whatever they say. A note says what happened and never quotes
the value: reports are passed on.
"""

import json
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.legacy.bodies import MAX_INTEGER, birth_date
from app.models import Role
from app.schemas import Email, fold, storable

Note = Callable[[str], None]

MAX_UID, MAX_NAME, MAX_FOLDED_NAME = 64, 100, 300
_ROLES = {role.value: role for role in Role}
# What the servers wrote where nothing was known.
UNKNOWN = {"", "?", "unknown", "none", "null"}
# What stands where a character was lost, and two that join letters in Persian and Indic scripts.
_LOST, _JOINERS = "\ufffd", "\u200c\u200d"
_MAX_JSON = 256 * 1024
_MAX_WRITTEN = 1024
_MAX_CLASSES, _MAX_CLASS = 50, 100
_DATE_LENGTH, _MAX_DIGITS = 10, 10
_EMAIL: TypeAdapter[str | None] = TypeAdapter(Email)


def number(value: Any) -> int | None:
    """Return a key: a whole number that fits a column, also where it was kept as text."""
    if isinstance(value, str) and len(value) <= _MAX_DIGITS and value.isascii() and value.isdigit():
        value = int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 < value <= MAX_INTEGER else None


def words(value: Any) -> str:
    """Return a value as text without blanks around it; an empty one for what is no text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return storable(str(value)).strip()


def text(value: Any) -> str:
    """Return a value as text as it stands, blanks and all."""
    return storable(value) if isinstance(value, str) else words(value)


def uid(value: Any, note: Note) -> str | None:
    """Return a user name as it was, but for blanks around it; None if nobody could use it.

    Characters that we would not give out (`/`, `@`) are kept: who has them can log in.
    """
    text = words(value)
    if isinstance(value, str) and len(text) < len(value):
        note("blanks around the user name were taken away")
    is_printable = all(unicodedata.category(char)[0] != "C" for char in text.replace(_LOST, "\0"))
    fits = 0 < len(text) <= MAX_UID and len(fold(text)) <= MAX_UID
    return text if fits and is_printable else None


def name(value: Any, uid: str, note: Note) -> str:
    """Return a name for people to read: one line, visible, at most 100 characters."""
    # Not all of what is too long in any case: see `fold`.
    written = unicodedata.normalize("NFC", text(value)[:_MAX_WRITTEN])
    visible = (char for char in written if unicodedata.category(char)[0] != "C" or char in _JOINERS)
    cleaned = " ".join("".join(visible).split())
    if not cleaned:
        note("it has no name: the user name stands in for it")
        return uid
    if cleaned != written:
        note("blanks or invisible characters were taken out of the name")
    return shorten(cleaned, MAX_NAME, "name", note)


def shorten(text: str, longest: int, what: str, note: Note) -> str:
    """Return the beginning of a text that is too long for its column, folded or not."""
    short = text[:longest]
    while len(fold(short)) > 3 * longest:
        short = short[:-1]
    if short != text:
        note(f"the {what} was cut to {len(short)} characters")
    return short


def role(value: Any, note: Note) -> Role:
    """Return the role of the same name; `default` and what is unknown are users."""
    written = words(value).lower()
    found = _ROLES.get(written)
    if found is None and written not in {*UNKNOWN, "default", "student"}:
        note("the role is unknown here: it became user")
    elif found is None and written:
        note(f"the role {written} became user")
    return found or Role.USER


def email(value: Any, note: Note) -> str | None:
    """Return an e-mail address, or None where it is not known or not one."""
    text = words(value)
    if text.lower() in UNKNOWN:
        return None
    try:
        return _EMAIL.validate_python(text)
    except ValidationError:
        note("the e-mail address is malformed: it was left out")
        return None


def born(value: Any, note: Note) -> date | None:
    """Return a birth date, from whatever the servers wrote."""
    text = words(value)
    if text.lower() in UNKNOWN:
        return None
    found = birth_date(text[:_DATE_LENGTH])
    if found is None:
        note("the birth date cannot be read: it was left out")
    return found


def optional(value: Any, longest: int, what: str, note: Note) -> str | None:
    """Return a text that may be unknown."""
    text = words(value)
    return None if text.lower() in UNKNOWN else shorten(text, longest, what, note)


def classes(value: Any, note: Note) -> list[str]:
    """Return the names of somebody's classes: from a list, or from one name."""
    found = read_json(value, "list of classes", note) if _looks_like_json(value) else value
    given = found if isinstance(found, list) else [found]
    names = [text for item in given if (text := words(item)) and text.lower() not in UNKNOWN]
    kept = [shorten(text, _MAX_CLASS, "name of a class", note) for text in names[:_MAX_CLASSES]]
    if len(kept) < len(names):
        note(f"only the first {_MAX_CLASSES} classes were taken")
    return kept


def flag(value: Any) -> bool:
    """Return whether something was switched on, however that was written."""
    return value in (1, True) or words(value).lower() in {"true", "1", "yes", "on"}


def moment(value: Any, now: datetime) -> datetime:
    """Return a moment, in UTC as the servers' clocks were; now where it is not known."""
    try:
        found = datetime.fromisoformat(words(value))
        return min(found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC), now)
    except (ValueError, OverflowError):
        return now


def _looks_like_json(value: Any) -> bool:
    return isinstance(value, list | dict) or words(value).startswith(("[", "{", '"'))


def read_json(value: Any, what: str, note: Note) -> Any:
    """Return what a JSON column holds, as both of our databases can keep it; None for nothing."""
    if value is None or value == "":
        return None
    try:
        text = value if isinstance(value, str) else json.dumps(value, allow_nan=False)
        if len(text) > _MAX_JSON:
            note(f"the {what} is too large: it was left out")
            return None
        return _storable(json.loads(text, parse_constant=_refuse))
    except (ValueError, TypeError, RecursionError):
        note(f"the {what} cannot be read: it was left out")
        return None


def json_object(value: Any, what: str, note: Note) -> dict[str, Any] | None:
    """Return what a JSON column holds if that is an object with something in it."""
    found = read_json(value, what, note)
    if found and not isinstance(found, dict):
        note(f"the {what} is no object: it was left out")
    return found if found and isinstance(found, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(name): _storable(item) for name, item in value.items()}
    return value
