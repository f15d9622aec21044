"""What the old servers left: what only their wire asks for, and what was taken over from them."""

from datetime import datetime
from typing import Any, ClassVar

from sqlmodel import Field, SQLModel

from app.models.columns import json_column, key_column, utc_now


class LegacyProfile(SQLModel, table=True):
    """What only the old wire asks about a person, as it is answered there. Goes with `legacy/`."""

    __tablename__: ClassVar[Any] = "legacy_profile"

    user_id: int = Field(sa_column=key_column("user", primary=True))
    kasm_server_needed: bool = False
    hashmap: dict[str, Any] | None = Field(default=None, sa_column=json_column(nullable=True))
    grade_data: Any = Field(default=None, sa_column=json_column(nullable=True))
    ap_exam: Any = Field(default=None, sa_column=json_column(nullable=True))


class ImportedRow(SQLModel, table=True):
    """That a row of an old database was taken over, so that a second run leaves it alone."""

    __tablename__: ClassVar[Any] = "imported_row"

    # Of the row's table, its key and what stood in it: the same row of a copy is the same row.
    digest: str = Field(max_length=64, primary_key=True)
    kind: str = Field(max_length=16)
    row_id: int
    imported_at: datetime = Field(default_factory=utc_now)
