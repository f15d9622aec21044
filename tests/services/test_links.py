"""One-time links: for one purpose, until a moment, once, and for whoever is first."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlmodel import select

from app.errors import LinkInvalid
from app.models import LinkPurpose, OneTimeLink, User
from app.resources import Resources
from app.services import links
from app.services.links import NewLink
from app.tokens import CLOCK_SKEW
from tests.services.rows import NOW, TICK, make_user, store

SETUP, RESET, INVITE = LinkPurpose.SETUP, LinkPurpose.RESET, LinkPurpose.INVITE
LIFE = timedelta(hours=48)


@pytest.fixture
async def ada(resources: Resources) -> User:
    return await store(resources, make_user("ada"))


async def create(resources: Resources, purpose: LinkPurpose, **options: Any) -> NewLink:
    async with resources.database.transaction() as session:
        return await links.create_link(
            session, purpose=purpose, settings=resources.settings, now=NOW, **options
        )


def secret_of(link: NewLink) -> str:
    ((value,),) = parse_qs(urlsplit(link.url).query).values()
    return value


async def redeem(
    resources: Resources, purpose: LinkPurpose, secret: str, now: datetime = NOW
) -> OneTimeLink:
    async with resources.database.transaction() as session:
        return await links.redeem_link(session, purpose=purpose, secret=secret, now=now)


async def find(
    resources: Resources, purpose: LinkPurpose, secret: str, now: datetime = NOW
) -> OneTimeLink:
    async with resources.database.transaction(read_only=True) as session:
        return await links.find_link(session, purpose=purpose, secret=secret, now=now)


async def stored(resources: Resources) -> list[OneTimeLink]:
    async with resources.database.transaction(read_only=True) as session:
        return list((await session.exec(select(OneTimeLink))).all())


class TestRefused:
    async def test_unknown(self, resources: Resources) -> None:
        secret = secret_of(await create(resources, INVITE))
        for wrong in ("", "x", secret + "x", secret[:-1], secret.swapcase(), "a\x00b", "\ud800"):
            with pytest.raises(LinkInvalid):
                await find(resources, INVITE, wrong)
            with pytest.raises(LinkInvalid):
                await redeem(resources, INVITE, wrong)

    async def test_its_digest(self, resources: Resources) -> None:
        """A dump of the database lets nobody in."""
        await create(resources, INVITE)
        (link,) = await stored(resources)
        with pytest.raises(LinkInvalid):
            await redeem(resources, INVITE, link.digest)

    async def test_for_another_purpose(self, resources: Resources, ada: User) -> None:
        made = {
            SETUP: await create(resources, SETUP),
            INVITE: await create(resources, INVITE),
            RESET: await create(resources, RESET, user_id=ada.id),
        }
        for purpose, link in made.items():
            for other in set(LinkPurpose) - {purpose}:
                with pytest.raises(LinkInvalid):
                    await redeem(resources, other, secret_of(link))
        assert len(await stored(resources)) == 3

    async def test_at_the_moment_it_expires(self, resources: Resources) -> None:
        secret = secret_of(await create(resources, INVITE))
        for late in (NOW + LIFE, NOW + LIFE + TICK, NOW + 90 * LIFE):
            with pytest.raises(LinkInvalid):
                await redeem(resources, INVITE, secret, late)
        assert (await redeem(resources, INVITE, secret, NOW + LIFE - TICK)).purpose is INVITE

    async def test_made_while_the_clock_was_ahead(self, resources: Resources) -> None:
        """It would live for as long as the clock was ahead."""
        secret = secret_of(await create(resources, INVITE))
        for early in (NOW - CLOCK_SKEW - TICK, NOW - 90 * LIFE):
            with pytest.raises(LinkInvalid):
                await redeem(resources, INVITE, secret, early)
        assert (await redeem(resources, INVITE, secret, NOW - CLOCK_SKEW)).purpose is INVITE

    async def test_the_second_time(self, resources: Resources) -> None:
        secret = secret_of(await create(resources, INVITE))
        await redeem(resources, INVITE, secret)
        with pytest.raises(LinkInvalid):
            await redeem(resources, INVITE, secret)

    async def test_somebody_was_quicker(self, resources: Resources) -> None:
        secret = secret_of(await create(resources, INVITE))
        async with resources.database.transaction() as session:
            await links.redeem_link(session, purpose=INVITE, secret=secret, now=NOW)
            slower = asyncio.create_task(redeem(resources, INVITE, secret))
            # The other one gets as far as it can: to the row, or to the writer's queue.
            for _ in range(5):
                await resources.database.ping()
            assert not slower.done()
        with pytest.raises(LinkInvalid):
            await slower

    async def test_only_one_of_many_at_once(self, resources: Resources) -> None:
        secret = secret_of(await create(resources, INVITE))
        at_once = (redeem(resources, INVITE, secret) for _ in range(12))
        answers = await asyncio.gather(*at_once, return_exceptions=True)
        assert sum(isinstance(answer, OneTimeLink) for answer in answers) == 1
        assert sum(isinstance(answer, LinkInvalid) for answer in answers) == 11


class TestReplaced:
    async def test_an_earlier_link_for_set_up(self, resources: Resources) -> None:
        first, second = await create(resources, SETUP), await create(resources, SETUP)
        with pytest.raises(LinkInvalid):
            await redeem(resources, SETUP, secret_of(first))
        await redeem(resources, SETUP, secret_of(second))

    async def test_an_earlier_link_of_the_same_user(self, resources: Resources, ada: User) -> None:
        bob = await store(resources, make_user("bob"))
        theirs = await create(resources, RESET, user_id=bob.id)
        first = await create(resources, RESET, user_id=ada.id)
        second = await create(resources, RESET, user_id=ada.id)
        with pytest.raises(LinkInvalid):
            await redeem(resources, RESET, secret_of(first))
        await redeem(resources, RESET, secret_of(second))
        assert (await redeem(resources, RESET, secret_of(theirs))).user_id == bob.id

    async def test_invitations_stand_beside_one_another(self, resources: Resources) -> None:
        made = [await create(resources, INVITE) for _ in range(3)]
        for link in made:
            await redeem(resources, INVITE, secret_of(link))


class TestMade:
    async def test_finding_does_not_use_it_up(self, resources: Resources) -> None:
        secret = secret_of(await create(resources, INVITE))
        for _ in range(3):
            assert (await find(resources, INVITE, secret)).purpose is INVITE
        await redeem(resources, INVITE, secret)

    async def test_an_undone_use_is_no_use(self, resources: Resources) -> None:
        secret = secret_of(await create(resources, INVITE))
        with suppress(ZeroDivisionError):
            async with resources.database.transaction() as session:
                await links.redeem_link(session, purpose=INVITE, secret=secret, now=NOW)
                raise ZeroDivisionError
        await redeem(resources, INVITE, secret)

    @pytest.mark.parametrize(
        "settings_changes",
        [{"public_url": "https://api.school.org", "one_time_link_hours": 2}],
        ids=["settings"],
    )
    async def test_leads_to_the_page_for_it(self, resources: Resources) -> None:
        for purpose, page in ((SETUP, "/setup?token="), (INVITE, "/signup?invite=")):
            link = await create(resources, purpose)
            assert link.url.startswith(f"https://api.school.org{page}")
            assert link.expires_at == NOW + timedelta(hours=2)

    async def test_reset_link_belongs_to_a_user(self, resources: Resources, ada: User) -> None:
        link = await create(resources, RESET, user_id=ada.id)
        assert urlsplit(link.url).path == "/reset"
        found = await find(resources, RESET, secret_of(link))
        assert (found.user_id, found.expires_at) == (ada.id, NOW + LIFE)

    async def test_secret_is_stored_nowhere(self, resources: Resources) -> None:
        secret = secret_of(await create(resources, INVITE))
        assert len(secret) == 43
        (link,) = await stored(resources)
        assert secret not in repr(link)
