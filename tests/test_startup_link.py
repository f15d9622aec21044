"""The link with which the first admin is made."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text

from app.config import Settings
from app.db import Database
from app.startup import make_setup_link


class TestSetupLink:
    @pytest.mark.usefixtures("_admin")
    async def test_none_while_there_is_an_admin(self, settings: Settings) -> None:
        assert await make_setup_link(settings) is None

    @pytest.mark.usefixtures("_admin")
    async def test_another_when_the_only_admin_is_disabled(self, settings: Settings) -> None:
        await self._run(settings, 'UPDATE "user" SET is_active = false')
        assert await make_setup_link(settings) is not None

    async def test_is_new_each_time_and_the_last_alone_works(self, settings: Settings) -> None:
        first, second = await make_setup_link(settings), await make_setup_link(settings)
        assert first != second
        assert await self._run(settings, "SELECT count(*) FROM one_time_link") == 1

    @pytest.mark.parametrize("settings_changes", [{"public_url": "https://api.school.org"}])
    async def test_leads_to_the_address_people_open(self, settings: Settings) -> None:
        link = urlsplit(await make_setup_link(settings) or "")
        assert (link.scheme, link.netloc, link.path) == ("https", "api.school.org", "/setup")
        assert len(parse_qs(link.query)["token"][0]) == 43

    @pytest.fixture
    async def _admin(self, settings: Settings) -> None:
        await self._run(
            settings,
            'INSERT INTO "user" (public_id, uid, uid_folded, name, name_folded, role, is_active, '
            "auth_epoch, created_at, updated_at) VALUES ('p', 'a', 'a', 'a', 'a', 'admin', true, "
            "0, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)",
        )

    @staticmethod
    async def _run(settings: Settings, statement: str) -> Any:
        database = Database(settings)
        async with database.transaction() as session:
            found = await (await session.connection()).execute(text(statement))
            value = found.scalar() if found.returns_rows else None
        await database.dispose()
        return value
