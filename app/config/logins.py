"""Accounts and logins: keys, who may sign up, how long a login lives, what a hash costs."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

MIN_SECRET_LENGTH = 32

# Values that stand in public examples and tutorials; a server that signs with one is open to all.
WEAK_SECRETS = frozenset(
    {
        *("secret", "secretkey", "changeme", "changethis", "your-256-bit-secret", "supersecret"),
        *("change-me", "change_me", "change-this", "secret-key", "secret_key", "insecure"),
    }
)
# What is left of a key when the words above are taken out of it, and how many of its runs of four
# characters differ: twice or five times a weak key is as weak.
_FEWEST_LEFT, _RUN = 16, 4


class LoginSettings(BaseModel):
    secret_key: SecretStr | None = Field(
        None,
        description="Signs tokens instead of the key ring in the instance folder, for hosts "
        "without a lasting disk. At least 32 characters, random.",
    )
    keys_dir: Path | None = Field(
        None,
        description="Folder in which a secret store mounts `keys.json` and `audit-keys.json`; it "
        "is never written to. `portfolio keys make` prints what belongs in them. Default: the "
        "instance folder.",
    )
    signup: Literal["open", "invite", "closed"] | None = Field(
        None,
        description="Who may create an account: `open`, `invite`, `closed`. "
        "Default: `open` in development, `invite` in production.",
    )
    access_token_minutes: int = Field(15, ge=1, le=60, description="Life of an access token.")
    session_idle_days: int = Field(7, ge=1, le=90, description="A login unused this long ends.")
    session_max_days: int = Field(
        30, ge=1, le=365, description="A login ends after this in any case."
    )
    second_factor: Literal["optional", "staff", "everyone"] = Field(
        "optional",
        description="Who must have a second factor: nobody (`optional`), teachers and admins "
        "(`staff`), or `everyone`. Who has none yet sets one up at the next login and can do "
        "nothing else before.",
    )
    one_time_link_hours: int = Field(
        48, ge=1, le=336, description="Life of set-up, reset and invitation links."
    )
    password_min_length: int = Field(12, ge=8, le=64, description="Shortest password accepted.")
    breached_passwords: Path | None = Field(
        None,
        description="A file of passwords known from breaches, which are refused: `SHA-1:COUNT` "
        "in each line, ordered by hash, as the downloader of Have I Been Pwned writes it.",
    )
    argon2_memory_kib: int = Field(19456, ge=8, description="Memory of one password hash, in KiB.")
    argon2_time: int = Field(2, ge=1, le=20, description="Passes of one password hash.")
    hash_threads: int = Field(
        0,
        ge=0,
        le=64,
        description="Password hashes at a time; 0 means one for each usable processor.",
    )
    hash_queue: int = Field(
        300, ge=1, le=10_000, description="Logins that may wait for a hash before others get a 503."
    )
    hash_deadline_seconds: int = Field(
        10, ge=1, le=60, description="A login that would wait longer than this gets a 503 instead."
    )

    @field_validator("secret_key")
    @classmethod
    def _strong_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is None:
            return None
        text = secret.get_secret_value()
        if is_weak(text):
            raise ValueError(
                "SECRET_KEY must be at least 32 random characters. Make one with: "
                'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
            )
        return secret


def is_weak(text: str) -> bool:
    """Whether a key is short, a known one, or made of little, however often that is repeated."""
    return len(text) < MIN_SECRET_LENGTH or _is_simple(text)


def _is_simple(text: str) -> bool:
    left = text.lower()
    for word in sorted(WEAK_SECRETS, key=len, reverse=True):
        left = left.replace(word, "")
    runs = {text[start : start + _RUN] for start in range(len(text) - _RUN + 1)}
    too_few = len(set(text)) < MIN_SECRET_LENGTH // 4
    return too_few or min(len(left), len(runs)) < _FEWEST_LEFT
