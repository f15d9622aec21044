"""Second factors for tests: an app that shows codes, and accounts that have one."""

import base64
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
from fastapi import FastAPI
from sqlmodel import select, update

from app.codes import Ticket, code_at, count_steps
from app.models import SecondFactor, User, utc_now
from app.resources import Resources
from tests.people import PASSWORD, People

ADDRESS = "/api/v1/users/me/second-factor"
CONFIRMED = {"current_password": PASSWORD}


@dataclass
class App:
    """What is on somebody's phone, and the recovery codes in their drawer."""

    secret: bytes = field(repr=False)
    recovery_codes: list[str] = field(default_factory=list, repr=False)

    def code(self, steps: int = 0) -> str:
        """Return the code that is shown now, or was so many steps ago.

        The step may end before the code is sent. Then it is one of the step before, which holds.
        """
        return code_at(self.secret, count_steps(utc_now()) + steps)

    def wrong_code(self) -> str:
        """Return six digits that are a code at no moment near."""
        near = {self.code(steps) for steps in range(-3, 4)}
        return next(code for code in ("000000", "111111", "222222") if code not in near)


async def begin(client: httpx.AsyncClient, *, password: str = PASSWORD) -> App:
    """Get a secret, as whoever is logged in with a client."""
    answer = await client.post(ADDRESS, json={"current_password": password})
    assert answer.status_code == 200, answer.text
    return App(base64.b32decode(answer.json()["secret"]))


async def set_up(
    client: httpx.AsyncClient, resources: Resources, *, password: str = PASSWORD
) -> App:
    """Set a second factor up, and let its codes be as good as new."""
    phone = await begin(client, password=password)
    answer = await client.post(f"{ADDRESS}/confirm", json={"code": phone.code()})
    assert answer.status_code == 200, answer.text
    phone.recovery_codes = answer.json()["recovery_codes"]
    await forget_used(resources)
    return phone


async def forget_used(resources: Resources) -> None:
    """Let codes hold that were used, as if their time had come again."""
    async with resources.database.transaction() as session:
        await session.exec(update(SecondFactor).values(last_step=0))


async def protect(people: People, resources: Resources, uid: str) -> App:
    """Give an existing account a second factor."""
    return await set_up(await people.log_in(uid), resources)


async def ticket_for(app: FastAPI, uid: str = "ada", *, age: timedelta = timedelta(0)) -> str:
    """Return what the login page carries from the password to the code, made so long ago."""
    resources: Resources = app.state.resources
    async with resources.database.transaction(read_only=True) as session:
        user = (await session.exec(select(User).where(User.uid == uid))).one()
    ticket = Ticket(user.public_id, user.auth_epoch)
    return resources.codes.issue_ticket(ticket, now=utc_now() - age)


async def read_factors(resources: Resources) -> list[SecondFactor]:
    """Return all rows."""
    async with resources.database.transaction(read_only=True) as session:
        return list((await session.exec(select(SecondFactor))).all())
