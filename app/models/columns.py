"""What tables share: the naming convention of constraints, kinds of columns, and their defaults.

Every module of tables imports this one first, so no constraint is made before its convention.
"""

import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Enum, ForeignKey, Integer, Table
from sqlmodel import SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_public_id() -> str:
    """Return 16 URL-safe characters (96 random bits): safe to show, of no use as a credential."""
    return secrets.token_urlsafe(12)


def enum_column(kind: type[StrEnum], name: str) -> Column[Any]:
    values = Enum(
        kind,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=16,
        values_callable=lambda members: [member.value for member in members],
    )
    return Column(values, nullable=False)


def key_column(
    target: str, *, nullable: bool = False, ondelete: str = "CASCADE", primary: bool = False
) -> Column[Any]:
    """Return a column that points to the `id` of a table."""
    key = ForeignKey(f"{target}.id", ondelete=ondelete)
    return Column(Integer, key, primary_key=primary, nullable=nullable, index=not primary)


def json_column(*, nullable: bool = False) -> Column[Any]:
    return Column(JSON(none_as_null=True), nullable=nullable)


def table_of(model: type[SQLModel]) -> Table:
    """Return a model's table, for statements that make no objects."""
    table: Table = vars(model)["__table__"]
    return table
