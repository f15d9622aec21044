"""Create user, user_session and audit_event.

Revision: 2026112401
After:
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision: str = "2026112401"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=16)


def upgrade() -> None:
    op.create_table(
        "audit_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("occurred_at", UTCDateTime(), nullable=False),
        sa.Column("action", AutoString(length=40), nullable=False),
        sa.Column("actor", AutoString(length=16), nullable=True),
        sa.Column("subject", AutoString(length=16), nullable=True),
        sa.Column("client_address", AutoString(length=45), nullable=False),
        sa.Column("request_id", AutoString(length=32), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    op.create_index(op.f("ix_audit_event_occurred_at"), "audit_event", ["occurred_at"])
    op.create_table(
        "user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", AutoString(length=16), nullable=False),
        sa.Column("uid", AutoString(length=64), nullable=False),
        sa.Column("uid_folded", AutoString(length=64), nullable=False),
        sa.Column("name", AutoString(length=100), nullable=False),
        sa.Column("name_folded", AutoString(length=300), nullable=False),
        sa.Column("email", AutoString(length=254), nullable=True),
        sa.Column("password_hash", AutoString(length=255), nullable=True),
        sa.Column("role", one_of("role", "user", "teacher", "admin"), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("auth_epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.UniqueConstraint("public_id", name=op.f("uq_user_public_id")),
        sa.UniqueConstraint("uid_folded", name=op.f("uq_user_uid_folded")),
    )
    op.create_table(
        "user_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sid", AutoString(length=16), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", one_of("kind", "cookie", "bearer"), nullable=False),
        sa.Column("auth_epoch", sa.Integer(), nullable=False),
        sa.Column("cookie_profile", AutoString(length=16), nullable=False),
        sa.Column("refresh_counter", sa.Integer(), nullable=False),
        sa.Column("user_agent", AutoString(length=200), nullable=False),
        sa.Column("client_address", AutoString(length=45), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("renewed_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("ends_at", UTCDateTime(), nullable=False),
        sa.Column("revoked_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_user_session_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_session")),
        sa.UniqueConstraint("sid", name=op.f("uq_user_session_sid")),
    )
    op.create_index(op.f("ix_user_session_user_id"), "user_session", ["user_id"])


def downgrade() -> None:
    op.drop_table("user_session")
    op.drop_table("user")
    op.drop_table("audit_event")
