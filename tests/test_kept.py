"""What is kept while nothing is committed: no moment longer, and no more than there is room."""

import pytest

from app.db import Database
from app.kept import Kept
from app.resources import Resources
from tests.services.rows import make_user, store
from tests.wire import ONE_ENGINE


@pytest.fixture
def kept(resources: Resources) -> Kept:
    found = Kept(resources.database, max_bytes=10)
    # The first time SQLite itself is asked, which says it in another way.
    found.version()
    return found


async def commit(database: Database) -> None:
    async with database.transaction() as session:
        session.add(make_user())


class TestFind:
    async def test_nothing(self, kept: Kept) -> None:
        assert kept.find("x") is None

    async def test_what_was_kept_where_there_are_versions(self, kept: Kept, engine: str) -> None:
        kept.keep("x", "text", size=4, version=kept.version())
        assert kept.find("x") == ("text" if engine == "sqlite" else None)

    @ONE_ENGINE
    async def test_not_after_a_commit(self, kept: Kept, resources: Resources) -> None:
        kept.keep("x", "text", size=4, version=kept.version())
        await store(resources, make_user())
        assert kept.find("x") is None

    @ONE_ENGINE
    async def test_not_after_a_commit_elsewhere(self, kept: Kept, elsewhere: Database) -> None:
        kept.keep("x", "text", size=4, version=kept.version())
        await commit(elsewhere)
        assert kept.find("x") is None


@ONE_ENGINE
class TestKeep:
    async def test_nothing_that_was_read_before_a_commit(
        self, kept: Kept, resources: Resources
    ) -> None:
        version = kept.version()
        await store(resources, make_user())
        # Somebody else asks meanwhile, so that the new version is known.
        assert kept.find("x") is None
        kept.keep("x", "old", size=3, version=version)
        assert kept.find("x") is None

    async def test_nothing_that_was_read_before_a_commit_that_nobody_has_seen(
        self, kept: Kept, resources: Resources
    ) -> None:
        version = kept.version()
        await store(resources, make_user())
        kept.keep("x", "old", size=3, version=version)
        assert kept.find("x") is None

    async def test_nothing_larger_than_there_is_room(self, kept: Kept) -> None:
        kept.keep("x", "text", size=11, version=kept.version())
        assert kept.find("x") is None

    async def test_the_oldest_makes_room(self, kept: Kept) -> None:
        for key in "abc":
            kept.keep(key, key, size=5, version=kept.version())
        assert [kept.find(key) for key in "abc"] == [None, "b", "c"]
        kept.keep("d", "d", size=10, version=kept.version())
        assert [kept.find(key) for key in "bcd"] == [None, None, "d"]

    async def test_what_is_kept_again_counts_once(self, kept: Kept) -> None:
        for text in ("old", "new"):
            kept.keep("a", text, size=5, version=kept.version())
        kept.keep("b", "b", size=5, version=kept.version())
        assert (kept.find("a"), kept.find("b")) == ("new", "b")
