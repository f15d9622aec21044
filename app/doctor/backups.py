"""Whether there is a backup, and one that is new enough, where the server is to make them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from app.backups import Reason
from app.backups.keeping import list_backups
from app.backups.postgres import NO_PROGRAM, has_program
from app.config import Settings
from app.doctor.findings import Finding, Verdict

_HEADING, _NAME = "Backups", "newest"


def examine_backups(settings: Settings) -> Iterator[Finding]:
    """Say how old the newest backup is. Nothing where the server is to make none."""
    if not settings.backup_every:
        return
    if settings.sqlite_path is None and not has_program():
        yield Finding(_HEADING, _NAME, "none are made", Verdict.NOTE, NO_PROGRAM)
        return
    found = list_backups(settings.backups_dir, Reason.AUTOMATIC, Reason.ASKED)
    if not found:
        advice = "The server makes the first one when it has run for a minute."
        yield Finding(_HEADING, _NAME, "none yet", Verdict.NOTE, advice)
        return
    moment, path = found[0]
    is_old = datetime.now(UTC) - moment > 2 * timedelta(hours=settings.backup_every)
    advice = "The server makes them while it runs: look at its log, or run `portfolio backup`."
    yield Finding(
        _HEADING,
        _NAME,
        f"of {moment:%Y-%m-%d %H:%M} UTC, {path.stat().st_size / 2**20:.1f} MB",
        Verdict.BAD if is_old else Verdict.FINE,
        advice if is_old else "",
    )
