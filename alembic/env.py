"""How migrations meet the database: the application's own engine, one transaction for all of them.

Alembic runs this file; it serves `portfolio migrate`, `portfolio serve` and the `alembic` command
alike. SQLite changes tables by copying them (batch mode), with foreign keys off meanwhile.
"""

import asyncio
from typing import Any

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from app import models  # noqa: F401  (fills the metadata)
from app.config import Settings
from app.engines import make_engine
from app.postgres_only import wait_to_migrate

_settings: Settings = context.config.attributes.get("settings") or Settings()


def _report(*, step: Any, **_others: Any) -> None:
    report = context.config.attributes.get("report")
    if report is not None:
        report(step)


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        compare_type=True,
        transaction_per_migration=False,
        on_version_apply=_report,  # type: ignore[arg-type]  # Alembic calls it by name
    )
    with context.begin_transaction():
        # Where the database stands is looked at after that.
        wait_to_migrate(connection)
        context.run_migrations()


async def _run() -> None:
    engine = make_engine(_settings, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            if _settings.sqlite_path is not None:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                await driver.execute("PRAGMA foreign_keys=OFF")
            await connection.run_sync(_migrate)
            await connection.commit()
    finally:
        await engine.dispose()


if context.is_offline_mode():
    raise SystemExit("Migrations run against a database; there is no offline mode.")
asyncio.run(_run())
