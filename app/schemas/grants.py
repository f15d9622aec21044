"""Forms of OAuth 2: how a script exchanges a password for tokens, and gives them back."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from app.schemas.fields import LoginName, OptionalCode, Password


class PasswordGrant(BaseModel):
    """The form of RFC 6749, section 4.3.2. Scopes and clients are accepted and mean nothing."""

    model_config = ConfigDict(hide_input_in_errors=True)

    username: LoginName = Field(examples=["ada"])
    password: Password = Field(examples=["correct horse battery"])
    # A field without a value counts as left out (RFC 6749, section 3.2).
    grant_type: Annotated[str, Field(pattern="^(password)?$")] = "password"
    scope: str = ""
    code: OptionalCode = Field(
        default=None,
        description="Of the second factor. Where there is no field for it, it may stand right "
        "behind the password.",
    )
    client_id: str | None = None
    client_secret: SecretStr | None = None


class Revocation(BaseModel):
    """The form of RFC 7009, section 2.1."""

    model_config = ConfigDict(hide_input_in_errors=True)

    token: SecretStr = Field(min_length=1, max_length=4096, examples=["prt_Zk3vJx9q0aQbT1uE.0.…"])
    token_type_hint: str | None = None
