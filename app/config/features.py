"""What is served besides the API itself, and what is logged."""

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator

from app.config.logins import is_weak

_SENDABLE = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class FeatureSettings(BaseModel):
    legacy_api: Literal["on", "off"] = Field(
        "on",
        description="`off` takes away the addresses of the old Flask servers "
        "(`/api/authenticate`, `/api/user` and so on).",
    )
    password_grant: bool = Field(
        default=True,
        description="Let people log in with `POST /api/v1/auth/token`, OAuth2's password form, as "
        "the API documentation's *Authorize* and short scripts do. Without it, `with_token` in "
        "`POST /api/v1/auth/login` answers tokens.",
    )
    legacy_user_list: bool = Field(
        default=False,
        description="`GET /api/user` answers the list of users, as some old servers did, and not "
        "the person who asks.",
    )
    docs: bool = Field(default=True, description="Serve the API documentation at `/docs`.")
    metrics_token: SecretStr | None = Field(
        None,
        description="Who sends this as a Bearer token may read `/metrics`; others only from this "
        "machine itself. At least 32 characters, random.",
    )
    tracing_endpoint: str | None = Field(
        None,
        description="Where traces go, by OTLP over HTTP: `http://localhost:4318/v1/traces`. "
        "Without it nothing is traced. Needs the extra `tracing`.",
    )
    tracing_share: float = Field(
        1.0, ge=1e-6, le=1, description="The share of requests that are traced: 0.01 is one in 100."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="What is logged."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="`auto` writes JSON in production and lines for people elsewhere."
    )

    @field_validator("tracing_endpoint")
    @classmethod
    def _usable_endpoint(cls, endpoint: str | None) -> str | None:
        if endpoint is not None:
            parts = urlsplit(endpoint)
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
                raise ValueError(
                    "TRACING_ENDPOINT must be an http or https address without a password, such as "
                    "http://localhost:4318/v1/traces. OTEL_EXPORTER_OTLP_HEADERS carries a key."
                )
        return endpoint

    @field_validator("metrics_token")
    @classmethod
    def _strong_token(cls, token: SecretStr | None) -> SecretStr | None:
        # What a header can carry: RFC 6750, section 2.1.
        text = "" if token is None else token.get_secret_value()
        if token is not None and (is_weak(text) or not _SENDABLE.fullmatch(text)):
            raise ValueError(
                "METRICS_TOKEN must be at least 32 random letters and digits. Make one with: "
                'python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
            )
        return token
