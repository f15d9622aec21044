"""What is served besides the API itself, and what is logged."""

from typing import Literal

from pydantic import BaseModel, Field


class FeatureSettings(BaseModel):
    legacy_api: Literal["on", "off"] = Field(
        "on",
        description="`off` takes away the addresses of the old Flask servers "
        "(`/api/authenticate`, `/api/user` and so on).",
    )
    legacy_user_list: bool = Field(
        default=False,
        description="`GET /api/user` answers the list of users, as some old servers did, and not "
        "the person who asks.",
    )
    docs: bool = Field(default=True, description="Serve the API documentation at `/docs`.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="What is logged."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="`auto` writes JSON in production and lines for people elsewhere."
    )
