"""How much anybody may send, and how often anybody may try."""

from pydantic import BaseModel, Field

_MOST = 1_000_000


class LimitSettings(BaseModel):
    login_attempts: int = Field(
        10,
        ge=1,
        le=1000,
        description="Wrong passwords within 15 minutes before a pause, for one account from one "
        "address; from a device that has logged in before, for one account from that device; and "
        "for confirming a password.",
    )
    login_attempts_per_account: int = Field(
        50,
        ge=0,
        le=_MOST,
        description="Wrong passwords within 15 minutes for one account from all addresses "
        "together. Devices that have logged in before are not held up by it. 0 means no limit.",
    )
    login_attempts_per_address: int = Field(
        150,
        ge=0,
        le=_MOST,
        description="Wrong passwords within 15 minutes from one address for all accounts together; "
        "a school is one address. Successes do not count. 0 means no limit.",
    )
    logins_per_hour: int = Field(
        300,
        ge=0,
        le=_MOST,
        description="Logins of one account, with the right password. 0 means no limit.",
    )
    code_attempts_per_hour: int = Field(
        10,
        ge=1,
        le=1000,
        description="Wrong codes of a second factor within an hour, for one account wherever they "
        "come from. Only who has the password gets that far; the right code goes through "
        "afterwards.",
    )
    known_device_days: int = Field(
        180,
        ge=0,
        le=390,
        description="How long a browser that has logged in is known as that account's device, "
        "which strangers' wrong passwords do not hold up. 0 means that none is.",
    )
    signups_per_hour: int = Field(
        300, ge=0, le=_MOST, description="Sign-ups from one address. 0 means no limit."
    )
    link_attempts: int = Field(
        60,
        ge=0,
        le=_MOST,
        description="One-time links that do not hold, tried from one address within 15 minutes. "
        "0 means no limit.",
    )
    refresh_attempts: int = Field(
        300,
        ge=0,
        le=_MOST,
        description="Refresh tokens that do not hold, sent from one address within 15 minutes. "
        "0 means no limit.",
    )
    posts_per_hour: int = Field(
        120, ge=0, le=_MOST, description="Posts that one person may write. 0 means no limit."
    )
    creations_per_hour: int = Field(
        60,
        ge=0,
        le=_MOST,
        description="Channels, groups and sections that one person may create. 0 means no limit.",
    )
    changes_per_hour: int = Field(
        300,
        ge=0,
        le=_MOST,
        description="Changes that one person may make to their account, profile, sections and "
        "posts; admins as many as they like. 0 means no limit.",
    )
    pictures_per_hour: int = Field(
        20, ge=0, le=_MOST, description="Pictures that one person may send. 0 means no limit."
    )
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest request body.")
    header_seconds: float = Field(
        10,
        gt=0,
        le=120,
        description="The head of a request must be there after so many seconds.",
    )
    body_seconds: float = Field(
        20,
        gt=0,
        le=600,
        description="Head start of a body, and of an answer that is read slowly, in seconds; "
        "from then on `MIN_BYTES_PER_SECOND` counts.",
    )
    min_bytes_per_second: int = Field(
        1024,
        ge=1,
        description="Who sends or reads more slowly than this, on average, is cut off.",
    )
    max_connections: int = Field(
        2000,
        ge=10,
        description="Connections at a time. When there are more, the one that has kept the server "
        "waiting longest makes room.",
    )
