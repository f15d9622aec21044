"""Add audit_head; digests, seals and indexes of audit events.

Revision: 2026112405
After: 2026112404
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision: str = "2026112405"
down_revision: str | None = "2026112404"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("kid", AutoString(length=8), nullable=False),
        sa.Column("digest", AutoString(length=64), nullable=False),
        sa.Column("seal", AutoString(length=64), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    with op.batch_alter_table("audit_event") as table:
        for name, length in (("kid", 8), ("digest", 64), ("seal", 64)):
            column: sa.Column[str] = sa.Column(
                name, AutoString(length), nullable=False, server_default=sa.text("''")
            )
            table.add_column(column)
    for name in ("action", "actor", "subject"):
        op.create_index(op.f(f"ix_audit_event_{name}"), "audit_event", [name])


def downgrade() -> None:
    for name in ("subject", "actor", "action"):
        op.drop_index(op.f(f"ix_audit_event_{name}"), "audit_event")
    with op.batch_alter_table("audit_event") as table:
        for name in ("seal", "digest", "kid"):
            table.drop_column(name)
    op.drop_table("audit_head")
