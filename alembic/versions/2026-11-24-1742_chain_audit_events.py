"""Chain and seal the audit events that are there.

They are numbered from one without a gap, in the order they were written, and get the digests and
seals that new ones get. What happened to them before this moment nobody can tell any more.

Revision: 2026112406
After: 2026112405
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import context, op
from sqlmodel import UTCDateTime

from app.config import Settings
from app.seals import NOTHING, Entry, SealKeys, make_seal_key, read_seal_keys

revision: str = "2026112406"
down_revision: str | None = "2026112405"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

CHUNK = 1000
EVENT = sa.table(
    "audit_event",
    sa.column("id", sa.Integer()),
    sa.column("occurred_at", UTCDateTime()),
    *(sa.column(name, sa.String()) for name in ("action", "actor", "subject")),
    *(sa.column(name, sa.String()) for name in ("client_address", "request_id")),
    sa.column("detail", sa.JSON()),
    *(sa.column(name, sa.String()) for name in ("kid", "digest", "seal")),
)
HEAD = sa.table(
    "audit_head",
    *(sa.column(name, sa.Integer()) for name in ("id", "count")),
    *(sa.column(name, sa.String()) for name in ("kid", "digest", "seal")),
)
TOLD = ("occurred_at", "action", "actor", "subject", "client_address", "request_id", "detail")


def upgrade() -> None:
    settings: Settings = context.config.attributes.get("settings") or Settings()
    make_seal_key(settings, datetime.now(UTC))
    keys = read_seal_keys(settings)
    connection = op.get_bind()
    count, digest = 0, NOTHING
    change = (
        sa.update(EVENT)
        .where(EVENT.c.id == sa.bindparam("old"))
        .values({name: sa.bindparam(f"new_{name}") for name in ("id", "kid", "digest", "seal")})
    )
    for rows in _chunks(connection):
        values = []
        for row in rows:
            count += 1
            digest = _digest(row, count, digest, keys)
            values.append(
                {
                    "old": row["id"],
                    "new_id": count,
                    "new_kid": keys.kid,
                    "new_digest": digest,
                    "new_seal": keys.seal_event(digest),
                }
            )
        connection.execute(change, values)
    seal = keys.seal_head(count, digest)
    connection.execute(
        sa.insert(HEAD).values(id=1, count=count, kid=keys.kid, digest=digest, seal=seal)
    )


def _chunks(connection: sa.Connection) -> Iterator[Sequence[sa.RowMapping]]:
    last = None
    while True:
        query = sa.select(EVENT).order_by(EVENT.c.id).limit(CHUNK)
        if last is not None:
            query = query.where(EVENT.c.id > last)
        rows = connection.execute(query).mappings().all()
        if not rows:
            return
        # Numbers only become smaller, so what follows is still above it.
        last = rows[-1]["id"]
        yield rows


def _digest(row: sa.RowMapping, number: int, previous: str, keys: SealKeys) -> str:
    told: dict[str, Any] = {name: row[name] for name in TOLD}
    return Entry(number=number, kid=keys.kid, **told).digest(previous)


def downgrade() -> None:
    op.execute(sa.delete(HEAD))
