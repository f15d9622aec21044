"""Add section and membership; post_group, moderator, channel and post.

Revision: 2026112404
After: 2026112403
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision: str = "2026112404"
down_revision: str | None = "2026112403"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    json = sa.JSON(none_as_null=True)
    _create(
        "section",
        sa.Column("abbreviation", AutoString(length=32), nullable=False),
        sa.Column("abbreviation_folded", AutoString(length=96), nullable=False),
        sa.Column("name", AutoString(length=100), nullable=False),
        sa.Column("theme", AutoString(length=100), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.UniqueConstraint("abbreviation_folded", name=op.f("uq_section_abbreviation_folded")),
    )
    _create(
        "membership",
        *_key("membership", "section_id", "section"),
        *_key("membership", "user_id", "user"),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.UniqueConstraint("section_id", "user_id", name=op.f("uq_membership_section_id_user_id")),
        indexes=("section_id", "user_id"),
    )
    _create(
        "post_group",
        sa.Column("name", AutoString(length=100), nullable=False),
        sa.Column("name_folded", AutoString(length=300), nullable=False),
        *_key("post_group", "section_id", "section", nullable=True, ondelete="SET NULL"),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.UniqueConstraint("name_folded", name=op.f("uq_post_group_name_folded")),
        indexes=("section_id",),
    )
    _create(
        "moderator",
        *_key("moderator", "group_id", "post_group"),
        *_key("moderator", "user_id", "user"),
        sa.UniqueConstraint("group_id", "user_id", name=op.f("uq_moderator_group_id_user_id")),
        indexes=("group_id", "user_id"),
    )
    _create(
        "channel",
        sa.Column("name", AutoString(length=100), nullable=False),
        sa.Column("name_folded", AutoString(length=300), nullable=False),
        *_key("channel", "group_id", "post_group"),
        sa.Column("attributes", json, nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        indexes=("group_id",),
    )
    _create(
        "post",
        *_key("post", "user_id", "user"),
        *_key("post", "channel_id", "channel", nullable=True),
        *_key("post", "parent_id", "post", nullable=True),
        sa.Column("title", AutoString(length=200), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("content", json, nullable=True),
        sa.Column("page_url", AutoString(length=2000), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        indexes=("channel_id", "parent_id", "user_id"),
    )


def _create(table: str, *parts: sa.schema.SchemaItem, indexes: Sequence[str] = ()) -> None:
    """Create a table with an `id` as its primary key, and an index for each of some columns."""
    number = sa.Column("id", sa.Integer(), nullable=False)
    op.create_table(table, number, *parts, sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")))
    for column in indexes:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def _key(
    table: str, column: str, target: str, *, nullable: bool = False, ondelete: str = "CASCADE"
) -> tuple[sa.schema.SchemaItem, ...]:
    """Return a column that points to the `id` of another table, and the constraint that it does."""
    name = op.f(f"fk_{table}_{column}")
    return (
        sa.Column(column, sa.Integer(), nullable=nullable),
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete=ondelete),
    )


def downgrade() -> None:
    for table in ("post", "channel", "moderator", "post_group", "membership", "section"):
        op.drop_table(table)
