"""Wire models of second factors: what is told once when one is set up, and what is asked for."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from app.schemas.fields import Code, Password, Ticket
from app.schemas.wire import PublicModel, WireModel


class CodeConfirmation(WireModel):
    code: Code = Field(examples=["123456"])


class ProvedChange(CodeConfirmation):
    """Asked before a second factor is changed: the password, and a code of it."""

    current_password: Password = Field(examples=["correct horse battery"])


class SecondStep(CodeConfirmation):
    """What the login page sends when the password was right before."""

    ticket: Ticket


class SecondFactorPublic(BaseModel):
    """One's own second factor."""

    state: Literal["off", "begun", "on"] = Field(
        description="`begun` waits for its first code; logins do not ask for one yet."
    )
    confirmed_at: datetime | None
    recovery_codes_left: int
    is_required: bool = Field(description="Whether this site wants one of you.")


class NewSecondFactor(PublicModel):
    """Shown once: nobody, not even we, can show it again."""

    secret: str = Field(description="In Base32, for typing into an app.")
    uri: str = Field(description="The same with its names (`otpauth:`), for a QR code.")


class RecoveryCodes(BaseModel):
    """Shown once. Each stands in for a code of the app, once."""

    recovery_codes: list[str]
