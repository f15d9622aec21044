"""When the server makes backups by itself, and how long it keeps them."""

from pydantic import BaseModel, Field


class BackupSettings(BaseModel):
    backup_every: int = Field(
        24,
        ge=0,
        le=8760,
        description="The server makes a backup by itself every so many hours, in "
        "`instance/backups`. 0 means never.",
    )
    backups_kept: int = Field(
        7,
        ge=1,
        le=1000,
        description="So many of the backups that the server made by itself are kept. Others are "
        "never removed.",
    )
    backup_days: int = Field(
        30,
        ge=1,
        le=3650,
        description="After so many days a backup that the server made by itself is removed, but "
        "for the newest.",
    )
