"""Wire models: what enters and leaves as JSON. Inputs are strict and forbid unknown fields.

`XCreate` and `XUpdate` come in, `XPublic` goes out. No table model is ever a request or response
body. Field rules that a person meets (user names, names, e-mail) are written once, here, and the
forms of the pages validate against the same classes.
"""

import re
import unicodedata
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

T = TypeVar("T")

MAX_PASSWORD_BYTES = 1024
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
# Cc, Cf, Cs, Co, Cn: controls, bidi and invisible marks, surrogates, unassigned.
# The two joiners are letters' business in Persian and in Indic scripts.
_JOINERS = "\u200c\u200d"
# Invisible, yet letters, marks or symbols to Unicode: fillers of Hangul and Khmer, a blank of
# Braille, the grapheme joiner.
_BLANKS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
# As wide as the columns that keep a name and its folded form.
_MAX_NAME, _MAX_FOLDED_NAME = 100, 300
# NUL, and halves of characters that are not characters.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """Replace what one of the two databases cannot hold, so that it merely matches nothing."""
    return _UNSTORABLE.sub("\ufffd", text)


def fold(text: str) -> str:
    """Return the form under which two spellings are one: NFKC, then case folded."""
    return unicodedata.normalize("NFKC", storable(text)).casefold()


def _check_uid(uid: str) -> str:
    if not _UID.fullmatch(uid):
        raise PydanticCustomError(
            "uid_characters",
            "Use letters a to z, digits, and . _ - between them.",
        )
    if fold(uid) in RESERVED_UIDS:
        raise PydanticCustomError("uid_reserved", "That user name is reserved. Try another.")
    return uid


def _check_name(name: str) -> str:
    for char in name:
        is_control = unicodedata.category(char)[0] == "C" and char not in _JOINERS
        if is_control or char in _BLANKS:
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


def _empty_is_none(value: Any) -> Any:
    return None if value == "" else value


Uid = Annotated[str, StringConstraints(min_length=2, max_length=64), AfterValidator(_check_uid)]
Name = Annotated[str, StringConstraints(max_length=_MAX_NAME), AfterValidator(_check_name)]
Email = Annotated[
    Annotated[str, StringConstraints(max_length=254)] | None,
    BeforeValidator(_empty_is_none),
    AfterValidator(_check_email),
]
Password = Annotated[SecretStr, AfterValidator(_check_password)]
# What somebody types to find themselves: bounded, not judged, so that odd old names can log in.
LoginName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
OneTimeToken = Annotated[SecretStr, Field(min_length=1, max_length=100)]
RoleName = Literal["user", "teacher", "admin"]


class WireModel(BaseModel):
    """Base of everything that comes in: strict types, no unknown fields, no input in errors."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class PublicModel(BaseModel):
    """Base of everything that goes out, built from rows or principals by attribute."""

    model_config = ConfigDict(from_attributes=True)


class Login(WireModel):
    uid: LoginName = Field(examples=["ada"])
    password: Password = Field(examples=["correct horse battery"])


class UserCreate(WireModel):
    """A sign-up. `role` is for admins who create accounts; anyone else sending it is refused."""

    uid: Uid = Field(examples=["ada"])
    name: Name = Field(examples=["Ada Lovelace"])
    password: Password = Field(examples=["correct horse battery"])
    email: Email = Field(default=None, examples=["ada@example.org"])
    invite: OneTimeToken | None = None
    role: RoleName | None = None


class UserUpdate(WireModel):
    """What people change about themselves. Fields left out stay as they are."""

    uid: Uid | None = Field(default=None, examples=["ada"])
    name: Name | None = Field(default=None, examples=["Ada Lovelace"])
    email: Email = Field(default=None, examples=["ada@example.org"])


class UserAdminUpdate(UserUpdate):
    """What an admin changes about anybody."""

    role: RoleName | None = Field(default=None, examples=["teacher"])
    is_active: bool | None = Field(default=None, examples=[True])


class PasswordChange(WireModel):
    current_password: Password = Field(examples=["correct horse battery"])
    new_password: Password = Field(examples=["staple of the rarest kind"])


class PasswordConfirmation(WireModel):
    current_password: Password = Field(examples=["correct horse battery"])


class PasswordReset(WireModel):
    """Redeems a reset link."""

    token: OneTimeToken = Field(examples=["the-token-of-the-link"])
    new_password: Password = Field(examples=["staple of the rarest kind"])


class RefreshRequest(WireModel):
    refresh_token: SecretStr = Field(
        min_length=1, max_length=200, examples=["prt_Zk3vJx9q0aQbT1uE.0.…"]
    )


class UserPublic(PublicModel):
    """What anybody logged in may see of anybody: no e-mail, no dates, no state."""

    id: str = Field(validation_alias="public_id", examples=["Zk3vJx9q0aQbT1uE"])
    uid: str = Field(examples=["ada"])
    name: str = Field(examples=["Ada Lovelace"])
    role: RoleName = Field(examples=["user"])


class UserAccount(UserPublic):
    """What people see of themselves, and admins of everybody."""

    email: str | None = Field(examples=["ada@example.org"])
    is_active: bool
    created_at: datetime
    updated_at: datetime


class Page(BaseModel, Generic[T]):
    """A page of a list. `next` is the cursor of the page after this one, or null at the end."""

    items: list[T]
    next: str | None = None


class Token(BaseModel):
    """RFC 6749 section 5.1."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  (the scheme's name)
    expires_in: int = Field(description="Seconds until the access token expires.")
    refresh_token: str


class SessionPublic(PublicModel):
    """One login session of one's own."""

    id: str = Field(validation_alias="sid")
    kind: Literal["cookie", "bearer"]
    is_current: bool = False
    user_agent: str
    client_address: str
    created_at: datetime
    renewed_at: datetime
    expires_at: datetime


class CurrentSession(BaseModel):
    """Who is asking, how they proved it, and when that ends."""

    user: UserAccount
    session: SessionPublic
    authenticated_by: Literal["cookie", "bearer"] = Field(
        description="How the token of this request arrived."
    )
    token_expires_at: datetime


class OneTimeLinkPublic(BaseModel):
    """A link shown once. Whoever holds it can use it, so hand it over in private."""

    url: str
    expires_at: datetime


class ProblemField(BaseModel):
    pointer: str = Field(description="JSON pointer (RFC 6901) to the refused field.")
    message: str
    code: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[ProblemField] | None = None
