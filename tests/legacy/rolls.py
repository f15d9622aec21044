"""The whole list of the old wire, for tests: people to be in it, and readers who take a part."""

import asyncio
from collections.abc import MutableMapping
from datetime import date
from typing import Any

import httpx
import pytest
from sqlmodel import col, insert, update

from app.models import LegacyProfile, Membership, Profile, Section, SessionKind, User, utc_now
from app.principals import Principal
from app.resources import Resources
from app.schemas import fold
from tests.services.rows import make_user

LIST = "/api/users"
# Which way a list goes: kept, or out while it is read; with a fixture of the name `way`.
WAYS = pytest.mark.parametrize("way", ["small", "large"], indirect=True)
# How many pieces a reader takes before it stops.
STOP = 2


async def listed(client: httpx.AsyncClient, path: str = LIST) -> dict[str, dict[str, Any]]:
    """Return everybody by uid, and check that each is there once, in the order of the ids."""
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    found = answer.json()
    ids = [person["id"] for person in found]
    assert ids == sorted(set(ids))
    return {person["uid"]: person for person in found}


async def fill(resources: Resources, count: int, **values: Any) -> None:
    """Store so many pupils."""
    rows = [
        make_user(f"pupil{number:05}", **values).model_dump(exclude={"id"})
        for number in range(count)
    ]
    async with resources.database.transaction() as session:
        await session.exec(insert(User).values(), params=rows)


async def tell(resources: Resources, user: User) -> None:
    """Let somebody have everything that is personal."""
    key = user.id or 0
    async with resources.database.transaction() as session:
        section = Section(abbreviation=user.uid, abbreviation_folded=fold(user.uid), name="S")
        session.add(section)
        await session.flush()
        session.add(Membership(section_id=section.id or 0, user_id=key, year=2027))
        session.add(
            Profile(
                user_id=key,
                birth_date=date(2008, 11, 30),
                student_id=f"sid of {user.uid}",
                school=f"school of {user.uid}",
                classes=[f"class of {user.uid}"],
            )
        )
        session.add(
            LegacyProfile(
                user_id=key, hashmap={"of": user.uid}, grade_data={"of": user.uid}, ap_exam={"a": 1}
            )
        )
        await session.exec(
            update(User).where(col(User.id) == key).values(email=f"{user.uid}@example.org")
        )


async def find(resources: Resources, client: httpx.AsyncClient) -> Principal:
    """Return who a client is logged in as."""
    cookie = client.cookies["portfolio_session"]
    return await resources.principals.load(cookie, SessionKind.COOKIE, now=utc_now())


async def never() -> MutableMapping[str, Any]:
    """Receive nothing: whoever asked waits for the answer."""
    await asyncio.Event().wait()
    return {}


async def take(answer: Any) -> bytes:
    """Return the body that is sent."""
    sent: list[bytes] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message.get("body", b""))

    await answer({"type": "http"}, never, send)
    return b"".join(sent)


class Reader:
    """Takes some pieces of an answer, and then none until told to go on."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.pieces = 0
        self.stopped, self.go_on, self.left = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def read(self) -> None:
        await self.answer({"type": "http"}, self.receive, self.send)

    async def receive(self) -> MutableMapping[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, _message: MutableMapping[str, Any]) -> None:
        self.pieces += 1
        if self.pieces == STOP:
            self.stopped.set()
            await self.go_on.wait()
