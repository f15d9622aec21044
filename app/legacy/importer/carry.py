"""Carrying rows of a table over: which are new, which are here already, which id each one gets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.legacy.importer.ledger import Ledger, Numbers
from app.legacy.importer.report import Outcome, Report

BEFORE, DELETED = "it was taken before", "it was taken before, then deleted"


@dataclass(slots=True)
class Draft:
    """A row on its way: our columns but for the id, or the reason why it is refused."""

    key: str
    old_id: int | None
    digest: str
    columns: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    refusal: str | None = None
    # The old id of the row of the same table that this one answers.
    parent: int | None = None


class Carrier:
    """Carries the rows of one table over. `ids` then says which id here belongs to which there.

    Where `unique` names a column, a row that is here already with the same value is the same thing.
    """

    def __init__(
        self,
        ledger: Ledger,
        report: Report,
        numbers: Numbers,
        *,
        theirs: str,
        ours: str,
        unique: str | None = None,
    ) -> None:
        self.ids: dict[int, int] = {}
        self._ledger = ledger
        self._report = report
        self._numbers = numbers
        self._theirs = theirs
        self._ours = ours
        self._unique = unique

    async def take(self, drafts: Sequence[Draft]) -> None:
        """Take over some rows, or say why not."""
        known = await self._ledger.taken(self._ours, [draft.digest for draft in drafts])
        here = await self._find_here(drafts)
        rows: list[dict[str, Any]] = []
        taken: list[tuple[str, int]] = []
        for draft in drafts:
            if draft.refusal is not None:
                self._report.add(self._theirs, draft.key, Outcome.REFUSED, draft.refusal)
                continue
            if draft.digest in known:
                row_id = known[draft.digest]
                note = BEFORE if row_id is not None else DELETED
                self._report.add(self._theirs, draft.key, Outcome.KNOWN, note)
                self._map(draft, row_id)
                continue
            row_id = self._place(draft, here, rows)
            self._map(draft, row_id)
            taken.append((draft.digest, row_id))
            known[draft.digest] = row_id
            self._report.took(self._theirs, draft.key, draft.notes)
        await self._ledger.insert(self._ours, rows)
        await self._ledger.remember(self._ours, taken)

    async def _find_here(self, drafts: Sequence[Draft]) -> dict[str, int]:
        if self._unique is None:
            return {}
        values = {draft.columns[self._unique] for draft in drafts if draft.refusal is None}
        return await self._ledger.ids_by(self._ours, self._unique, values)

    def _place(self, draft: Draft, here: dict[str, int], rows: list[dict[str, Any]]) -> int:
        """Return the id of a row: of one that is here, or of a new one."""
        value = draft.columns[self._unique] if self._unique is not None else None
        if value is not None and value in here:
            draft.notes.append(f"there is one of this name already, {here[value]}: it is that one")
            return here[value]
        row_id = self._numbers.assign(draft.old_id)
        if draft.old_id is not None and row_id != draft.old_id:
            draft.notes.append(f"its id is {row_id} here")
        if draft.parent is not None:
            draft.columns["parent_id"] = self._find_parent(draft)
        rows.append({"id": row_id, **draft.columns})
        if value is not None:
            here[value] = row_id
        return row_id

    def _find_parent(self, draft: Draft) -> int | None:
        """Return what a row answers. It was written before, so that answers make no circle."""
        parent = self.ids.get(draft.parent or 0)
        if parent is None:
            draft.notes.append("what it answers is not here: it stands by itself")
        return parent

    def _map(self, draft: Draft, row_id: int | None) -> None:
        if draft.old_id is not None and row_id is not None:
            self.ids.setdefault(draft.old_id, row_id)


class PairCarrier:
    """Carries over rows that join two things, such as a person and a section."""

    def __init__(
        self,
        ledger: Ledger,
        report: Report,
        numbers: Numbers,
        *,
        theirs: str,
        ours: str,
        present: set[tuple[int, int]],
    ) -> None:
        self._ledger = ledger
        self._report = report
        self._numbers = numbers
        self._theirs = theirs
        self._ours = ours
        self._present = present

    async def take(self, drafts: Sequence[Draft]) -> None:
        """Take over some rows. What is joined already stays as it is."""
        known = await self._ledger.taken(self._ours, [draft.digest for draft in drafts])
        rows: list[dict[str, Any]] = []
        taken: list[tuple[str, int]] = []
        for draft in drafts:
            if draft.refusal is not None:
                self._report.add(self._theirs, draft.key, Outcome.REFUSED, draft.refusal)
                continue
            first, second, *_ = draft.columns.values()
            if draft.digest in known or (first, second) in self._present:
                self._report.add(self._theirs, draft.key, Outcome.KNOWN, "it is here already")
                continue
            self._present.add((first, second))
            row_id = self._numbers.assign(None)
            rows.append({"id": row_id, **draft.columns})
            taken.append((draft.digest, row_id))
            self._report.took(self._theirs, draft.key, draft.notes)
        await self._ledger.insert(self._ours, rows)
        await self._ledger.remember(self._ours, taken)
