"""Let nobody change or delete audit events.

Triggers refuse it on both engines. On SQLite one refuses INSERT OR REPLACE as well, which deletes
a row without a word to the trigger of deletions.

Revision: 2026112407
After: 2026112406
"""

from collections.abc import Sequence

from alembic import op

revision: str = "2026112407"
down_revision: str | None = "2026112406"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

REFUSAL = "The audit trail is append-only."
SQLITE = {
    "audit_event_no_update": "BEFORE UPDATE ON audit_event",
    "audit_event_no_delete": "BEFORE DELETE ON audit_event",
    "audit_event_no_replace": (
        "BEFORE INSERT ON audit_event WHEN EXISTS (SELECT 1 FROM audit_event WHERE id = NEW.id)"
    ),
}
FUNCTION = f"""
CREATE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$
"""
POSTGRESQL = {
    "audit_event_no_change": "BEFORE UPDATE OR DELETE ON audit_event FOR EACH ROW",
    "audit_event_no_truncate": "BEFORE TRUNCATE ON audit_event FOR EACH STATEMENT",
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(FUNCTION)
        for name, when in POSTGRESQL.items():
            op.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION audit_event_refuse()")
    else:
        for name, when in SQLITE.items():
            refuse = f"SELECT RAISE(ABORT, '{REFUSAL}')"
            op.execute(f"CREATE TRIGGER {name} {when} BEGIN {refuse}; END")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name in POSTGRESQL:
            op.execute(f"DROP TRIGGER {name} ON audit_event")
        op.execute("DROP FUNCTION audit_event_refuse()")
    else:
        for name in SQLITE:
            op.execute(f"DROP TRIGGER {name}")
