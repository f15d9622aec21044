"""Field rules that a person meets, each written once: user names, names, e-mail, passwords.

The JSON API, the forms of the pages, the commands and the old wire check against the same types.
"""

import json
import re
import unicodedata
from itertools import pairwise
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints
from pydantic_core import PydanticCustomError

MAX_PASSWORD_BYTES = 1024
MAX_JSON_BYTES = 16 * 1024
MAX_SHORT_JSON_BYTES = 1024
MAX_JSON_DEPTH = 20
MAX_UID = 64
RESERVED_UIDS = frozenset(
    {
        *("about", "account", "accounts", "admin", "administrator", "anonymous", "api", "auth"),
        *("docs", "everyone", "help", "home", "invite", "login", "logout", "me", "moderator"),
        *("null", "official", "operator", "owner", "portfolio", "problems", "reset", "root"),
        *("security", "session", "sessions", "settings", "setup", "signup", "static", "support"),
        *("system", "token", "undefined", "webmaster"),
    }
)

_UID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+"
)
# Invisible, yet letters, marks or symbols to Unicode: fillers of Hangul and Khmer, a blank of
# Braille, the grapheme joiner, a note without a head, variation selectors.
_BLANKS = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U0001d159"
) | frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
# Two joiners are letters' business in Persian, in Indic scripts and in emoji, and nobody sees them
# in the scripts that Unicode lists before Hebrew. A selector makes a symbol an emoji.
_JOINERS, _FIRST_JOINED = "\u200c\u200d", "\u0590"
_AS_EMOJI = "\ufe0f"
# As wide as the columns that keep a name and its folded form.
_MAX_NAME, _MAX_FOLDED_NAME = 100, 300
_MAX_ABBREVIATION = 32
# NUL, and halves of characters that are not characters.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Passwords are the longest that is folded. Marks in a row are put in order one by one: of twice as
# many that takes four times as long, and of a megabyte minutes.
_MAX_NORMALISED = MAX_PASSWORD_BYTES


def storable(text: str) -> str:
    """Replace what one of the two databases cannot hold, so that it merely matches nothing."""
    return _UNSTORABLE.sub("\ufffd", text)


def fold(text: str) -> str:
    """Return the form under which two spellings are one: NFKC, then case folded.

    Text that is longer than whatever is kept is not normalised: it merely matches nothing.
    """
    text = storable(text)
    if len(text) <= _MAX_NORMALISED:
        text = unicodedata.normalize("NFKC", text)
    return text.casefold()


def _check_uid(uid: str) -> str:
    if not _UID.fullmatch(uid):
        raise PydanticCustomError(
            "uid_characters",
            "Use letters a to z, digits, and . _ - between them.",
        )
    if fold(uid) in RESERVED_UIDS:
        raise PydanticCustomError("uid_reserved", "That user name is reserved. Try another.")
    return uid


def _is_unseen(char: str) -> bool:
    """Whether nothing is to be seen of a character, or it changes how others are shown."""
    # Cc, Cf, Cs, Co, Cn: controls, bidi and invisible marks, surrogates, private, unassigned.
    return unicodedata.category(char)[0] == "C" or char in _BLANKS


def _is_at_home(char: str, before: str) -> bool:
    """Whether such a character belongs behind another."""
    if char in _JOINERS:
        return before >= _FIRST_JOINED
    return char == _AS_EMOJI and unicodedata.category(before) == "So"


def _check_name(name: str) -> str:
    for before, char in pairwise(f" {name}"):
        if _is_unseen(char) and not _is_at_home(char, before):
            raise PydanticCustomError(
                "name_characters", "A name has no control or invisible characters."
            )
    name = " ".join(unicodedata.normalize("NFC", name).split())
    # A mark or a joiner is seen only on a letter, digit, sign or symbol.
    if not any(unicodedata.category(char)[0] in "LNPS" for char in name):
        raise PydanticCustomError("name_empty", "Enter a name.")
    # Some characters become several under NFC, and many when folded.
    if len(name) > _MAX_NAME or len(fold(name)) > _MAX_FOLDED_NAME:
        raise PydanticCustomError("name_too_long", "Use at most 100 characters.")
    return name


def _check_abbreviation(abbreviation: str) -> str:
    abbreviation = _check_name(abbreviation)
    # It is a part of addresses, where these end a part and `.` and `..` stand for others.
    if set(abbreviation) & set("/\\?#%") or set(abbreviation) == {"."}:
        raise PydanticCustomError("abbreviation_characters", "Leave out / \\ ? # and %.")
    if len(abbreviation) > _MAX_ABBREVIATION or len(fold(abbreviation)) > 3 * _MAX_ABBREVIATION:
        raise PydanticCustomError("abbreviation_too_long", "Use at most 32 characters.")
    return abbreviation


def _check_email(email: str | None) -> str | None:
    if email is not None and not _EMAIL.fullmatch(email):
        raise PydanticCustomError("email", "Enter an e-mail address like name@example.org.")
    return email


def _check_password(password: SecretStr) -> SecretStr:
    text = password.get_secret_value()
    if not text:
        raise PydanticCustomError("password_empty", "Enter a password.")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise PydanticCustomError("password_characters", "Use ordinary characters.") from None
    if size > MAX_PASSWORD_BYTES:
        raise PydanticCustomError("password_too_long", "Use at most 1,024 bytes.")
    return password


def _check_storable(text: str) -> str:
    if storable(text) != text:
        raise PydanticCustomError("string_unicode", "Use ordinary characters.")
    return text


def _check_secret(secret: SecretStr) -> SecretStr:
    _check_storable(secret.get_secret_value())
    return secret


def _check_page_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_page = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        is_page = False
    # Printable ASCII, as RFC 3986 has it; a browser would overlook a tab or a line break.
    if not is_page or not re.fullmatch(r"[!-~]+", url):
        raise PydanticCustomError("page_url", "Enter an address like https://example.org/page.")
    return url


def _check_json(value: Any, most: int = MAX_JSON_BYTES) -> Any:
    _check_parts(value, MAX_JSON_DEPTH)
    try:
        size = len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())
    except (TypeError, ValueError):
        raise PydanticCustomError("json_type", "Use JSON.") from None
    if size > most:
        raise PydanticCustomError("json_too_long", f"Use at most {most // 1024} KiB of JSON.")
    return value


def _check_short_json(value: Any) -> Any:
    return _check_json(value, MAX_SHORT_JSON_BYTES)


def _check_parts(value: Any, deepest: int) -> None:
    """Refuse text that cannot be kept, and nesting that a reader of it might not bear."""
    if isinstance(value, str):
        _check_storable(value)
    elif isinstance(value, dict | list) and value:
        if not deepest:
            raise PydanticCustomError("json_too_deep", "Nest lists and objects at most 20 deep.")
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        for part in parts:
            _check_parts(part, deepest - 1)


def _check_digits(value: Any) -> Any:
    # As text pydantic takes `1.0`, `1_0`, `+1` and digits of other scripts as well.
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,10}", value):
        raise PydanticCustomError("int_parsing", "This must be a whole number.")
    return value


def _empty_is_none(value: Any) -> Any:
    return None if value == "" else value


Uid = Annotated[
    str,
    StringConstraints(min_length=2, max_length=MAX_UID),
    Field(json_schema_extra={"pattern": f"^(?:{_UID.pattern})$"}),
    AfterValidator(_check_uid),
]
Name = Annotated[str, StringConstraints(max_length=_MAX_NAME), AfterValidator(_check_name)]
# What a section is called in addresses and lists: `CSA`.
Abbreviation = Annotated[
    str, StringConstraints(max_length=_MAX_ABBREVIATION), AfterValidator(_check_abbreviation)
]
# The year in which somebody belongs to a section: that of its summer.
Year = Annotated[int, Field(ge=1900, le=2999)]
Email = Annotated[
    Annotated[
        str,
        StringConstraints(max_length=254),
        # With nothing at all: that takes an address away.
        Field(json_schema_extra={"pattern": f"^(?:{_EMAIL.pattern})?$"}),
    ]
    | None,
    BeforeValidator(_empty_is_none),
    AfterValidator(_check_email),
]
# The bound is one of bytes, which a schema cannot say; so many characters are too many in any case.
Password = Annotated[
    SecretStr,
    Field(json_schema_extra={"minLength": 1, "maxLength": MAX_PASSWORD_BYTES}),
    AfterValidator(_check_password),
]
# Text of any kind that both databases can hold.
Storable = AfterValidator(_check_storable)
# What somebody types to find themselves: bounded, not judged, so that odd old names can log in.
LoginName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_UID), Storable]
# Of a second factor: six digits of an app, or a recovery code, however it is grouped.
Code = Annotated[SecretStr, Field(min_length=1, max_length=64), AfterValidator(_check_secret)]
# An empty field of a form says nothing.
OptionalCode = Annotated[
    Annotated[SecretStr, Field(max_length=64), AfterValidator(_check_secret)] | None,
    BeforeValidator(_empty_is_none),
]
# What stands for a right password while the login page asks for a code.
Ticket = Annotated[SecretStr, Field(min_length=1, max_length=100), AfterValidator(_check_secret)]
OneTimeToken = Annotated[
    SecretStr, Field(min_length=1, max_length=100), AfterValidator(_check_secret)
]
RefreshToken = Annotated[
    SecretStr, Field(min_length=1, max_length=200), AfterValidator(_check_secret)
]
# A number that arrives as text, as in a query: written in digits.
Digits = BeforeValidator(_check_digits)
RoleName = Literal["user", "teacher", "admin"]
# Any JSON that is short, not deep, and can be kept by both databases.
PlainJSON = AfterValidator(_check_json)
# The same of what a thousand come of in one list.
ShortJSON = AfterValidator(_check_short_json)
PageURL = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_check_page_url)]
# What a key of a row can be on both databases.
RowId = Annotated[int, Field(ge=1, le=2_147_483_647)]
