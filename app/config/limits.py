"""How much anybody may send, and how often anybody may try."""

from pydantic import BaseModel, Field


class LimitSettings(BaseModel):
    login_attempts: int = Field(
        10,
        ge=1,
        le=1000,
        description="Wrong passwords for one account from one address within 15 minutes "
        "before a pause.",
    )
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest request body.")
