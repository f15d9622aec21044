"""Finding out whether anybody changed the trail, and telling where first and what kind of change.

Each row must have the number after the last one's, a digest that is that of its own columns and of
the row before, and a seal that only the key can have made. The head must then tell of the last row.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.models import AuditHead
from app.seals import NOTHING, Entry, SealKeys
from app.services.audit.recording import BROKEN, KEY_CHANGED, find_end, tells_of
from app.services.audit.rows import Row, see_one_moment, stream_rows


class Kind(StrEnum):
    """What was done to a trail."""

    CHANGED = "changed"
    REMOVED = "removed"
    INSERTED = "inserted"
    CUT_OFF = "cut off"
    PUT_BACK = "put back"
    BROKEN = "broken before"
    KEY_MISSING = "key missing"


@dataclass(frozen=True, slots=True)
class Flaw:
    """The first thing that does not fit: its kind, the number it was found at, and a sentence."""

    kind: Kind
    number: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Finding:
    """How far the trail is as it was written, and what does not fit, if anything."""

    count: int
    digest: str
    flaw: Flaw | None = None


Reference = Iterator[tuple[int, str]]


async def count_events(session: AsyncSession) -> int:
    """Return how many events the head tells of."""
    return (await session.exec(select(AuditHead.count))).one_or_none() or 0


async def look_at_end(session: AsyncSession, *, keys: SealKeys) -> tuple[int, bool]:
    """Return the number of the last event, and whether the head tells of it. Reads two rows."""
    head = (await session.exec(select(AuditHead))).one_or_none()
    end = await find_end(session)
    return end.number, head is not None and tells_of(head, end, keys)


async def is_sealed_elsewhere(session: AsyncSession, *, keys: SealKeys) -> bool:
    """Whether the trail was last sealed with a key that is not among these."""
    head = (await session.exec(select(AuditHead))).one_or_none()
    return head is not None and bool(head.kid) and head.kid not in keys


async def verify_trail(
    session: AsyncSession,
    *,
    keys: SealKeys,
    after: int = 0,
    reference: Reference | None = None,
    advance: Callable[[int], None] = lambda _done: None,
) -> Finding:
    """Compare every row after a number with the chain, and the head with the last.

    `reference` yields numbers and digests of an earlier export, in order: a database that was put
    back to an older state as a whole fits together, and does not fit them. `advance` is told of
    each row. Memory does not grow with the trail.
    """
    await see_one_moment(session)
    check = _Check(keys, after, reference or iter(()))
    async for row in stream_rows(session, since=after or None):
        flaw = check.next(row)
        if flaw is not None:
            return Finding(check.number, check.digest, flaw)
        advance(1)
    head = (await session.exec(select(AuditHead))).one_or_none()
    return Finding(check.number, check.digest, check.end(head))


class _Check:
    """Goes along the chain. `number` and `digest` are those of the last row that fits."""

    def __init__(self, keys: SealKeys, after: int, reference: Reference) -> None:
        self.number, self.digest = max(after - 1, 0), NOTHING
        self._keys = keys
        self._after = after
        self._reference = reference
        self._known = next(reference, None)

    def next(self, row: Row) -> Flaw | None:
        flaw = self._find_gap(row)
        if flaw is None and row.number > self._after:
            flaw = self._find_forgery(row) or self._find_confession(row.entry)
        if flaw is None:
            flaw = self._compare(row.number, row.digest)
        if flaw is None:
            self.number, self.digest = row.number, row.digest
        return flaw

    def _find_gap(self, row: Row) -> Flaw | None:
        expected = self.number + 1
        if row.number > expected:
            return _removed(expected, row.number - 1)
        if row.number < expected:
            return Flaw(Kind.INSERTED, row.number, f"Event {row.number} was inserted: none has it.")
        return None

    def _find_forgery(self, row: Row) -> Flaw | None:
        entry, keys = row.entry, self._keys
        if entry is None:
            return _changed(row.number)
        is_sealed = keys.fits_event(entry.kid, row.digest, row.seal)
        told = entry.digest(self.digest)
        if is_sealed and told == row.digest:
            return None
        if keys.fits_any(row.digest, row.seal) or keys.fits_any(told, row.seal):
            return _changed(row.number)
        if entry.kid and entry.kid not in keys:
            return _key_missing(row.number, entry.kid)
        return Flaw(
            Kind.INSERTED,
            row.number,
            f"Event {row.number} was not written by this server: it was inserted, or all of it was "
            "written over.",
        )

    def _find_confession(self, entry: Entry | None) -> Flaw | None:
        """Look at what the server itself noted when it found the head not as it had left it."""
        if entry is None or entry.action not in {BROKEN, KEY_CHANGED}:
            return None
        old = {name: str(entry.detail.get(name, "")) for name in ("kid", "digest", "seal")}
        is_proven = self._keys.fits_head(old["kid"], self.number, self.digest, old["seal"])
        if entry.action == KEY_CHANGED and is_proven:
            return None
        if entry.action == KEY_CHANGED:
            return _key_missing(entry.number, old["kid"])
        return Flaw(
            Kind.BROKEN,
            entry.number,
            f"When event {entry.number} was written, the head told of {entry.detail.get('count')} "
            f"events, and there were {entry.detail.get('found')}: somebody had changed the trail.",
        )

    def _compare(self, number: int, digest: str) -> Flaw | None:
        while self._known is not None and self._known[0] < number:
            self._known = next(self._reference, None)
        if self._known is None or self._known[0] > number or self._known[1] == digest:
            return None
        return Flaw(
            Kind.PUT_BACK,
            number,
            f"Event {number} is another than in the export: the database was put back to an older "
            "state and went on from there.",
        )

    def end(self, head: AuditHead | None) -> Flaw | None:
        if self.number < self._after:
            return Flaw(Kind.REMOVED, self._after, f"Event {self._after} is not there.")
        flaw = self._compare_head(head)
        if flaw is not None:
            return flaw
        newest = self._known
        for known in self._reference:
            newest = known
        if newest is None or newest[0] <= self.number:
            return None
        return Flaw(
            Kind.PUT_BACK,
            self.number + 1,
            f"The export tells of {newest[0]} events and there are {self.number}: the database was "
            "put back to an older state.",
        )

    def _compare_head(self, head: AuditHead | None) -> Flaw | None:
        if head is None:
            sentence = "The head, which tells how many events there are, was removed."
            return Flaw(Kind.REMOVED, self.number, sentence)
        kid, count, digest, seal = (head.kid, head.count, head.digest, head.seal)
        if not self._keys.fits_head(str(kid), count, str(digest), str(seal)):
            if kid and kid not in self._keys:
                return _key_missing(self.number, kid)
            sentence = "The head, which tells how many events there are, was changed."
            return Flaw(Kind.CHANGED, self.number, sentence)
        if count > self.number:
            return _cut_off(self.number + 1, count)
        if (count, digest) != (self.number, self.digest):
            return Flaw(
                Kind.INSERTED,
                count + 1,
                f"The head tells of {count} events and there are {self.number}: an older head was "
                "put back, or events were added without it.",
            )
        return None


def _events(first: int, last: int) -> str:
    return f"Event {first}" if first == last else f"Events {first} to {last}"


def _removed(first: int, last: int) -> Flaw:
    were = "was" if first == last else "were"
    return Flaw(Kind.REMOVED, first, f"{_events(first, last)} {were} removed.")


def _cut_off(first: int, last: int) -> Flaw:
    were = "was" if first == last else "were"
    return Flaw(Kind.CUT_OFF, first, f"{_events(first, last)} {were} cut off at the end.")


def _changed(number: int) -> Flaw:
    return Flaw(Kind.CHANGED, number, f"Event {number} was changed.")


def _key_missing(number: int, kid: str) -> Flaw:
    return Flaw(
        Kind.KEY_MISSING,
        number,
        f"Event {number} was sealed with the key {kid}, which is not here: SECRET_KEY or the file "
        "of the key was another then, or somebody else wrote it.",
    )
