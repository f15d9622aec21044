"""Somebody with the database in hand changes the audit trail: `verify` says so, and where.

They have no key. Triggers stand in their way for as long as it takes to drop them; a test tries the
triggers, all others go around them.
"""

import asyncio

import pytest
from sqlalchemy.exc import DBAPIError

from app.models import Section
from app.resources import Resources
from app.seals import NOTHING, SealKeys, read_seal_keys
from app.services import audit
from app.services.audit.checking import Kind
from tests.conftest import make_settings
from tests.security.tampering import (
    ACTOR,
    chain_anew,
    digests,
    flaw,
    make_key,
    put_back,
    rows,
    run,
    tamper,
    verify,
    write,
)
from tests.services.rows import trail

COLUMNS = {
    "occurred_at": "'2020-01-01 00:00:00'",
    "action": "'login'",
    "actor": "'bob'",
    "subject": "NULL",
    "client_address": "'198.51.100.1'",
    "request_id": "''",
    "detail": """'{"n": "7"}'""",
    "kid": "'00000000'",
    "digest": f"'{'0' * 64}'",
    "seal": f"'{'0' * 64}'",
}
ROW = "occurred_at, action, actor, subject, client_address, request_id, detail, kid, digest, seal"


@pytest.fixture
async def victim(resources: Resources) -> Resources:
    """A site with a trail of nine events."""
    await write(resources, range(1, 10))
    return resources


class TestTriggers:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE audit_event SET action = 'nothing' WHERE id = 5",
            "UPDATE audit_event SET id = 99 WHERE id = 9",
            "DELETE FROM audit_event WHERE id = 9",
            "DELETE FROM audit_event",
            f"INSERT INTO audit_event (id, {ROW}) SELECT id, {ROW} FROM audit_event WHERE id = 5",
        ],
    )
    async def test_refuse(self, victim: Resources, statement: str) -> None:
        with pytest.raises(DBAPIError):
            await run(victim, statement)
        assert (await verify(victim)).count == 9

    @pytest.mark.parametrize("engine", ["sqlite"])
    async def test_refuse_to_replace(self, victim: Resources) -> None:
        """SQLite deletes the old row then, and tells no trigger of deletions."""
        replace = f"INSERT OR REPLACE INTO audit_event (id, {ROW}) SELECT 5, {ROW} FROM audit_event"
        with pytest.raises(DBAPIError, match="append-only"):
            await run(victim, replace)
        assert (await verify(victim)).flaw is None

    @pytest.mark.parametrize("engine", ["postgresql"])
    async def test_refuse_to_truncate(self, victim: Resources) -> None:
        with pytest.raises(DBAPIError, match="append-only"):
            await run(victim, "TRUNCATE audit_event")
        assert (await verify(victim)).flaw is None


class TestChanges:
    @pytest.mark.parametrize("column", COLUMNS)
    async def test_of_any_column(self, victim: Resources, column: str) -> None:
        """An event without its seal looks like one that somebody else wrote."""
        kind = Kind.INSERTED if column == "seal" else Kind.CHANGED
        for number in (9, 5, 1):
            change = f"UPDATE audit_event SET {column} = {COLUMNS[column]} WHERE id = {number}"
            await tamper(victim, change)
            assert await flaw(victim) == (kind, number)

    @pytest.mark.parametrize("engine", ["sqlite"])
    @pytest.mark.parametrize(
        "change",
        [
            *("detail = 'no JSON'", "detail = '[]'", "detail = NULL", "occurred_at = 'yesterday'"),
            *("action = x'ff'", "actor = 5", "kid = 5", "digest = 5", "seal = NULL", "seal = 'é'"),
        ],
    )
    async def test_to_what_no_column_holds(self, victim: Resources, change: str) -> None:
        """SQLite takes any type anywhere; that must not end in a stack trace."""
        await tamper(
            victim,
            "CREATE TABLE copy AS SELECT * FROM audit_event",
            "DROP TABLE audit_event",
            "ALTER TABLE copy RENAME TO audit_event",
            f"UPDATE audit_event SET {change} WHERE id = 5",
        )
        assert (await flaw(victim))[1] == 5

    async def test_two_events_swap_places(self, victim: Resources) -> None:
        await tamper(
            victim,
            "UPDATE audit_event SET id = 99 WHERE id = 4",
            "UPDATE audit_event SET id = 4 WHERE id = 6",
            "UPDATE audit_event SET id = 6 WHERE id = 99",
        )
        assert await flaw(victim) == (Kind.CHANGED, 4)

    async def test_chained_anew_without_the_key(self, victim: Resources) -> None:
        """All digests fit, from the change to the end; the seals cannot."""
        events = await rows(victim)
        events[4].detail = {"n": "changed"}
        await chain_anew(victim, events, SealKeys(make_key("attacker")))
        assert await flaw(victim) == (Kind.INSERTED, 5)

    async def test_and_with_a_key_of_ones_own(self, victim: Resources) -> None:
        events, key = await rows(victim), make_key("attacker")
        for event in events:
            event.kid = key.kid
        await chain_anew(victim, events, SealKeys(key))
        assert await flaw(victim) == (Kind.KEY_MISSING, 1)


class TestRemoval:
    @pytest.mark.parametrize("number", [1, 5, 8])
    async def test_of_one(self, victim: Resources, number: int) -> None:
        await tamper(victim, f"DELETE FROM audit_event WHERE id = {number}")
        assert await flaw(victim) == (Kind.REMOVED, number)

    async def test_of_several(self, victim: Resources) -> None:
        await tamper(victim, "DELETE FROM audit_event WHERE id IN (3, 4, 5)")
        found = (await verify(victim)).flaw
        assert found is not None
        assert found.sentence == "Events 3 to 5 were removed."

    async def test_and_the_gap_closed(self, victim: Resources) -> None:
        later = [f"UPDATE audit_event SET id = {n - 1} WHERE id = {n}" for n in range(6, 10)]
        await tamper(victim, "DELETE FROM audit_event WHERE id = 5", *later)
        assert await flaw(victim) == (Kind.CHANGED, 5)

    async def test_of_the_end(self, victim: Resources) -> None:
        await tamper(victim, "DELETE FROM audit_event WHERE id > 6")
        found = (await verify(victim)).flaw
        assert found is not None
        assert (found.kind, found.sentence) == (
            Kind.CUT_OFF,
            "Events 7 to 9 were cut off at the end.",
        )

    async def test_of_all(self, victim: Resources) -> None:
        await tamper(victim, "DELETE FROM audit_event")
        assert await flaw(victim) == (Kind.CUT_OFF, 1)

    async def test_of_the_end_and_in_the_head(self, victim: Resources) -> None:
        events = await rows(victim)
        await tamper(
            victim,
            "DELETE FROM audit_event WHERE id > 6",
            "UPDATE audit_head SET count = 6, digest = :digest, seal = :seal",
            digest=events[5].digest,
            seal=events[5].seal,
        )
        assert await flaw(victim) == (Kind.CHANGED, 6)

    async def test_of_the_head(self, victim: Resources) -> None:
        await tamper(victim, "DELETE FROM audit_head")
        assert await flaw(victim) == (Kind.REMOVED, 9)

    async def test_of_everything_as_on_the_first_day(self, victim: Resources) -> None:
        empty = f"UPDATE audit_head SET count = 0, kid = '', digest = '{NOTHING}', seal = ''"
        await tamper(victim, "DELETE FROM audit_event", empty)
        assert await flaw(victim) == (Kind.CHANGED, 0)


class TestInsertion:
    COPY = (
        f"INSERT INTO audit_event (id, {ROW}) SELECT {{}}, {ROW} FROM audit_event WHERE id = {{}}"
    )

    async def test_at_the_end(self, victim: Resources) -> None:
        """A trigger lets it through: it is an append."""
        await run(victim, self.COPY.format(10, 9))
        assert await flaw(victim) == (Kind.CHANGED, 10)

    async def test_of_what_was_never_sealed(self, victim: Resources) -> None:
        values = "CURRENT_TIMESTAMP, 'login', '', '', '{}'"
        await run(
            victim,
            "INSERT INTO audit_event (id, occurred_at, action, client_address, request_id, detail) "
            f"VALUES (10, {values})",
        )
        assert await flaw(victim) == (Kind.INSERTED, 10)

    async def test_in_the_middle(self, victim: Resources) -> None:
        later = [f"UPDATE audit_event SET id = {n + 1} WHERE id = {n}" for n in range(9, 4, -1)]
        await tamper(victim, *later, self.COPY.format(5, 1))
        assert await flaw(victim) == (Kind.CHANGED, 5)

    @pytest.mark.parametrize("number", [0, -1])
    async def test_before_the_first(self, victim: Resources, number: int) -> None:
        await run(victim, self.COPY.format(number, 1))
        assert await flaw(victim) == (Kind.INSERTED, number)


class TestGoesOnAfterwards:
    """What the server writes next does not cover up what it found; and it does write on."""

    @pytest.mark.parametrize(
        ("statements", "found"),
        [
            (["DELETE FROM audit_event WHERE id > 6"], (Kind.BROKEN, 7)),
            (["DELETE FROM audit_event"], (Kind.BROKEN, 1)),
            (["DELETE FROM audit_head"], (Kind.BROKEN, 10)),
            (["UPDATE audit_head SET seal = ''"], (Kind.BROKEN, 10)),
            (["UPDATE audit_head SET count = 3"], (Kind.BROKEN, 10)),
            (["UPDATE audit_head SET kid = 'deadbeef'"], (Kind.KEY_MISSING, 10)),
            ([TestInsertion.COPY.format(10, 9)], (Kind.CHANGED, 10)),
        ],
        ids=str,
    )
    async def test_after(
        self, victim: Resources, statements: list[str], found: tuple[Kind, int]
    ) -> None:
        await tamper(victim, *statements)
        await write(victim, [10, 11])
        assert await flaw(victim) == found
        assert (await trail(victim))[-3:] == [
            "audit-key-changed" if found[0] is Kind.KEY_MISSING else "audit-broken",
            "happened",
            "happened",
        ]

    async def test_what_comes_after_a_known_break_can_be_verified(self, victim: Resources) -> None:
        await tamper(victim, "DELETE FROM audit_event WHERE id > 6")
        await write(victim, [10, 11])
        assert (await verify(victim, after=7)).flaw is None
        await tamper(victim, "UPDATE audit_event SET action = 'nothing' WHERE id = 8")
        assert await flaw(victim, after=7) == (Kind.CHANGED, 8)

    async def test_nothing_comes_after_what_is_not_there(self, victim: Resources) -> None:
        assert await flaw(victim, after=99) == (Kind.REMOVED, 99)


class TestPutBack:
    """The whole database as it was yesterday fits together. An export from today knows better."""

    async def test_not_noticed_without_an_export(self, victim: Resources) -> None:
        await put_back(victim, 6)
        assert (await verify(victim)).flaw is None

    async def test_to_an_older_state(self, victim: Resources) -> None:
        export = await digests(victim)
        await put_back(victim, 6)
        assert await flaw(victim, reference=iter(export)) == (Kind.PUT_BACK, 7)

    async def test_and_went_on(self, victim: Resources) -> None:
        export = await digests(victim)
        await put_back(victim, 6)
        await write(victim, range(17, 22))
        assert (await verify(victim)).flaw is None
        assert await flaw(victim, reference=iter(export)) == (Kind.PUT_BACK, 7)

    async def test_an_older_head_alone(self, victim: Resources) -> None:
        await put_back(victim, 6, head_only=True)
        assert await flaw(victim) == (Kind.INSERTED, 7)

    async def test_an_export_of_before_fits(self, victim: Resources) -> None:
        export = await digests(victim)
        await write(victim, range(10, 13))
        assert (await verify(victim, reference=iter(export))).flaw is None
        assert (await verify(victim, reference=iter(export[3:5]), after=2)).flaw is None


class TestKeys:
    SECRET, LATER = "Rk3vTq8xLw5nZy2bHs7dGm4cPa6jEo1f", "Jp9fVu6aXe1tCi0oQz8wNr5hMb2kSd7g"

    async def test_another_secret(self, victim: Resources) -> None:
        """What the old one sealed cannot be verified without it, and can with it."""
        settings = make_settings(victim.settings.instance_dir, secret_key=self.LATER)
        victim.settings.audit_keys_path.rename(victim.settings.instance_dir / "away")
        keys = read_seal_keys(settings)
        assert await flaw(victim, keys=keys) == (Kind.KEY_MISSING, 1)

    @pytest.mark.parametrize("settings_changes", [{"secret_key": SECRET}])
    async def test_the_former_secret_is_told(self, victim: Resources) -> None:
        changed = make_settings(victim.settings.instance_dir, secret_key=self.LATER)
        victim.database.__dict__["seal_keys"] = read_seal_keys(changed)
        await write(victim, [10])
        assert (await trail(victim))[-2:] == ["audit-key-changed", "happened"]
        assert (await flaw(victim, keys=read_seal_keys(changed)))[0] is Kind.KEY_MISSING
        keys = read_seal_keys(changed, former_secrets=(self.SECRET,))
        assert (await verify(victim, keys=keys)).flaw is None


class TestWholeTrails:
    async def test_of_nothing(self, resources: Resources) -> None:
        finding = await verify(resources)
        assert (finding.count, finding.digest, finding.flaw) == (0, NOTHING, None)

    async def test_is_told_of_each_row(self, victim: Resources) -> None:
        seen: list[int] = []
        finding = await verify(victim, advance=seen.append)
        assert (finding.count, sum(seen), finding.flaw) == (9, 9, None)

    async def test_fifty_writers_at_once(self, resources: Resources) -> None:
        """Some write something else as well, some are undone: one chain without a gap."""

        async def act(number: int) -> None:
            async with resources.database.transaction() as session:
                audit.record(session, ACTOR, "happened", n=str(number))
                name = f"s{number}"
                session.add(Section(abbreviation=name, abbreviation_folded=name, name=name))
                audit.record(session, ACTOR, "happened", n=str(number))
                if number % 5 == 0:
                    raise ZeroDivisionError

        outcomes = await asyncio.gather(*map(act, range(50)), return_exceptions=True)
        assert sum(isinstance(outcome, ZeroDivisionError) for outcome in outcomes) == 10
        assert [outcome for outcome in outcomes if outcome is not None][10:] == []
        events = await rows(resources)
        assert [event.id for event in events] == list(range(1, 81))
        assert (await verify(resources)).flaw is None
