"""Add profile, picture, legacy_profile and imported_row; sessions that hold a cookie and a token.

Revision: 2026112403
After: 2026112402
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision: str = "2026112403"
down_revision: str | None = "2026112402"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    json = sa.JSON(none_as_null=True)
    op.create_table(
        "picture",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", AutoString(length=32), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        _owner("picture"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_picture")),
        sa.UniqueConstraint("name", name=op.f("uq_picture_name")),
    )
    op.create_index(op.f("ix_picture_user_id"), "picture", ["user_id"])
    op.create_table(
        "profile",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("student_id", AutoString(length=64), nullable=True),
        sa.Column("school", AutoString(length=200), nullable=True),
        sa.Column("classes", json, nullable=False),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("picture_id", sa.Integer(), nullable=True),
        _owner("profile"),
        sa.ForeignKeyConstraint(
            ["picture_id"], ["picture.id"], name=op.f("fk_profile_picture_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_profile")),
    )
    op.create_index(op.f("ix_profile_picture_id"), "profile", ["picture_id"])
    op.create_table(
        "legacy_profile",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kasm_server_needed", sa.Boolean(), nullable=False),
        sa.Column("hashmap", json, nullable=True),
        sa.Column("grade_data", json, nullable=True),
        sa.Column("ap_exam", json, nullable=True),
        _owner("legacy_profile"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_legacy_profile")),
    )
    op.create_table(
        "imported_row",
        sa.Column("digest", AutoString(length=64), nullable=False),
        sa.Column("kind", AutoString(length=16), nullable=False),
        sa.Column("row_id", sa.Integer(), nullable=False),
        sa.Column("imported_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_imported_row")),
    )
    _allow_kinds("cookie", "bearer", "either")
    op.add_column("user_session", sa.Column("password_grace_until", UTCDateTime(), nullable=True))


def _owner(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_user_id")
    return sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=name, ondelete="CASCADE")


def _allow_kinds(*kinds: str) -> None:
    """Replace the check on a session's kind. SQLite copies the table for it."""
    name = op.f("ck_user_session_kind")
    with op.batch_alter_table("user_session") as batch:
        batch.drop_constraint(name, type_="check")
        batch.create_check_constraint(name, f"kind IN ({', '.join(map(repr, kinds))})")


def downgrade() -> None:
    op.execute("DELETE FROM user_session WHERE kind = 'either'")
    with op.batch_alter_table("user_session") as batch:
        batch.drop_column("password_grace_until")
    _allow_kinds("cookie", "bearer")
    for table in ("imported_row", "legacy_profile", "profile", "picture"):
        op.drop_table(table)
