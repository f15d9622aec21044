"""The tables of an old database, carried over in the order in which they name one another."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from app.legacy.importer.carry import Carrier, PairCarrier
from app.legacy.importer.content import (
    draft_channel,
    draft_group,
    draft_membership,
    draft_moderator,
    draft_post,
    draft_section,
)
from app.legacy.importer.ledger import HIGHEST_KEPT, Ledger, Numbers, chunks
from app.legacy.importer.people import People, Prepared, read_people
from app.legacy.importer.recognise import Recognised
from app.legacy.importer.report import Report
from app.legacy.importer.source import Source
from app.progress import Advance, Stages
from app.resources import Resources

Fields = Mapping[str, Any]
Take = Callable[[Sequence[Fields]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What is imported, and how."""

    resources: Resources
    source: Source
    found: Mapping[str, Recognised]
    uploads: Path | None
    stages: Stages
    report: Report
    now: datetime

    def stage(self, table: str, name: str | None = None) -> AbstractContextManager[Advance]:
        """Begin a stage that goes through the rows of a table."""
        return self.stages.stage(name or table, self.source.count(table))


async def carry_all(work: Import, ledger: Ledger, prepared: Prepared) -> None:
    """Carry every table over, each after those that it names."""
    people = People(
        ledger,
        work.report,
        prepared,
        numbers=await _numbers(work, ledger, "users", "user"),
        picture_numbers=await ledger.numbers("picture", 0),
    )
    with work.stage("users") as advance:
        for chunk in chunks(read_people(work.source, work.found["users"])):
            await people.take(chunk)
            advance(len(chunk))
    users, now = people.ids, work.now
    sections = await _carrier(work, ledger, "sections", "section", unique="abbreviation_folded")
    await _each(
        work, "sections", lambda rows: sections.take([draft_section(row, now) for row in rows])
    )
    members = await _pairs(work, ledger, "user_sections", "membership", ("section_id", "user_id"))
    await _each(
        work,
        "user_sections",
        lambda rows: members.take(
            [draft_membership(row, now, users, sections.ids) for row in rows]
        ),
    )
    await _carry_posts(work, ledger, users, sections.ids)


async def _carry_posts(
    work: Import, ledger: Ledger, users: Mapping[int, int], sections: Mapping[int, int]
) -> None:
    """Carry over what people wrote, and where."""
    now = work.now
    groups = await _carrier(work, ledger, "groups", "post_group", unique="name_folded")
    await _each(
        work, "groups", lambda rows: groups.take([draft_group(row, now, sections) for row in rows])
    )
    moderators = await _pairs(
        work, ledger, "group_moderators", "moderator", ("group_id", "user_id")
    )
    await _each(
        work,
        "group_moderators",
        lambda rows: moderators.take([draft_moderator(row, groups.ids, users) for row in rows]),
    )
    channels = await _carrier(work, ledger, "channels", "channel")
    await _each(
        work,
        "channels",
        lambda rows: channels.take([draft_channel(row, now, groups.ids) for row in rows]),
    )
    posts = await _carrier(work, ledger, "posts", "post")
    is_text = "posts" in work.found and not work.found["posts"].columns["comment"]
    await _each(
        work,
        "posts",
        lambda rows: posts.take(
            [draft_post(row, now, users, channels.ids, content_is_text=is_text) for row in rows]
        ),
    )


async def _each(work: Import, table: str, take: Take) -> None:
    recognised = work.found.get(table)
    if recognised is None:
        return
    with work.stage(table) as advance:
        for chunk in chunks(work.source.rows(table)):
            await take([recognised.read(row) for row in chunk])
            advance(len(chunk))


async def _numbers(work: Import, ledger: Ledger, theirs: str, ours: str) -> Numbers:
    highest = work.source.highest_id(theirs, HIGHEST_KEPT) if theirs in work.found else 0
    return await ledger.numbers(ours, highest)


async def _carrier(
    work: Import, ledger: Ledger, theirs: str, ours: str, *, unique: str | None = None
) -> Carrier:
    numbers = await _numbers(work, ledger, theirs, ours)
    return Carrier(ledger, work.report, numbers, theirs=theirs, ours=ours, unique=unique)


async def _pairs(
    work: Import, ledger: Ledger, theirs: str, ours: str, columns: tuple[str, str]
) -> PairCarrier:
    numbers = await ledger.numbers(ours, 0)
    present = await ledger.pairs(ours, *columns)
    return PairCarrier(ledger, work.report, numbers, theirs=theirs, ours=ours, present=present)
