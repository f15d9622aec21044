"""Wire models of accounts, logins, tokens and sessions."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from app.schemas.fields import (
    Email,
    LoginName,
    Name,
    OneTimeToken,
    OptionalCode,
    Password,
    RefreshToken,
    RoleName,
    Uid,
)
from app.schemas.wire import PublicModel, WireModel


class Login(WireModel):
    uid: LoginName = Field(examples=["ada"])
    password: Password = Field(examples=["correct horse battery"])
    code: OptionalCode = Field(
        default=None, description="Of the second factor, or a recovery code, if there is one."
    )
    with_token: bool = Field(
        default=False,
        description="Answer tokens as well, of a login of their own, for where no cookie comes "
        "back: a code does not hold twice.",
    )


class UserCreate(WireModel):
    """A sign-up. `role` is for admins who create accounts; anyone else sending it is refused."""

    uid: Uid = Field(examples=["ada"])
    name: Name = Field(examples=["Ada Lovelace"])
    password: Password = Field(examples=["correct horse battery"])
    email: Email = Field(default=None, examples=["ada@example.org"])
    invite: OneTimeToken | None = None
    role: RoleName | None = None


class UserUpdate(WireModel):
    """What people change about themselves. Fields left out stay as they are.

    A new uid or e-mail of one's own takes the password too, if the login is older than ten minutes.
    """

    uid: Uid | None = Field(default=None, examples=["ada"])
    name: Name | None = Field(default=None, examples=["Ada Lovelace"])
    email: Email = Field(default=None, examples=["ada@example.org"])
    current_password: Password | None = Field(default=None, examples=["correct horse battery"])


class UserAdminUpdate(UserUpdate):
    """What an admin changes about anybody."""

    role: RoleName | None = Field(default=None, examples=["teacher"])
    is_active: bool | None = Field(default=None, examples=[True])


class PasswordChange(WireModel):
    current_password: Password = Field(examples=["correct horse battery"])
    new_password: Password = Field(examples=["staple of the rarest kind"])


class PasswordConfirmation(WireModel):
    current_password: Password = Field(examples=["correct horse battery"])


class PasswordProof(WireModel):
    """The password once more, where a login that is not fresh does not do."""

    current_password: Password | None = Field(default=None, examples=["correct horse battery"])


class PasswordReset(WireModel):
    """Redeems a reset link."""

    token: OneTimeToken = Field(examples=["the-token-of-the-link"])
    new_password: Password = Field(examples=["staple of the rarest kind"])


class RefreshRequest(WireModel):
    refresh_token: RefreshToken = Field(examples=["prt_Zk3vJx9q0aQbT1uE.0.…"])


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


class Token(BaseModel):
    """RFC 6749 section 5.1."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  (the scheme's name)
    expires_in: int = Field(description="Seconds until the access token expires.")
    refresh_token: str


class SessionPublic(PublicModel):
    """One login session of one's own."""

    id: str = Field(validation_alias="sid")
    kind: Literal["cookie", "bearer", "either"]
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


class CookieLogin(CurrentSession):
    """A login by cookie, and tokens if they were asked for."""

    token: Token | None = None


class OneTimeLinkPublic(BaseModel):
    """A link shown once. Whoever holds it can use it, so hand it over in private."""

    url: str
    expires_at: datetime
