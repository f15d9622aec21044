"""What is tried how often, and by whom that is counted: logins, links, sign-ups, what people make.

Keys are names and addresses as they were sent, of accounts that exist and of those that do not.
docs/decisions/0015 says why these.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.errors import AppError
from app.hosts import read_network
from app.models import User
from app.principals import Actor
from app.rate_limit import Attempt, Bucket, Limit
from app.resources import Resources
from app.schemas import fold


def login_attempt(resources: Resources, actor: Actor, *, uid: str, device: str | None) -> Attempt:
    """Return an attempt to log in: from a known device of the account, or from anywhere else.

    From elsewhere it counts for the account and the address together, for the account wherever it
    comes from, and for the address whomever it is about. A device that the account has logged in
    from counts for itself alone, so that no stranger can hold it up.
    """
    limits, folded = resources.limits, fold(uid)
    if device is not None:
        own = Bucket(limits.login_device, f"{device} {folded}")
        return Attempt(resources.throttles, own=(own,))
    network = read_network(actor.client_address)
    return Attempt(
        resources.throttles,
        own=(Bucket(limits.login, f"{network} {folded}"),),
        shared=(Bucket(limits.login_account, folded), Bucket(limits.login_address, network)),
    )


def confirmation_attempt(resources: Resources, actor: Actor) -> Attempt:
    """Return an attempt to confirm one's password."""
    own = Bucket(resources.limits.confirmation, str(actor.user_id))
    return Attempt(resources.throttles, own=(own,))


def code_attempt(resources: Resources, user: User) -> Attempt:
    """Return an attempt at a code, counted for the account wherever it comes from.

    Whoever gets that far knows the password: there is no stranger to keep apart from the owner.
    """
    return Attempt(resources.throttles, own=(Bucket(resources.limits.code, user.public_id),))


async def count_login(resources: Resources, *, user: User) -> None:
    """Count a login that is right: each leaves a session and an event of the trail.

    Raises:
        TooManyAttempts: there were too many of this account.
    """
    await Attempt(
        resources.throttles, own=(Bucket(resources.limits.opened, user.public_id),)
    ).count()


def signup_attempt(resources: Resources, actor: Actor) -> Attempt:
    """Return a sign-up, counted for the address it comes from."""
    own = Bucket(resources.limits.signup, read_network(actor.client_address))
    return Attempt(resources.throttles, own=(own,))


@asynccontextmanager
async def count_failure(
    resources: Resources, actor: Actor, *, limit: Limit, failure: type[AppError]
) -> AsyncIterator[None]:
    """Count a failure of what is tried inside, for the address it comes from.

    For what nobody can guess, such as 256 random bits. So it is counted when it has failed, and
    what holds is never held up by what others at this address send.

    Raises:
        TooManyAttempts: in place of the failure, when there were too many lately.
    """
    try:
        yield
    except failure:
        bucket = Bucket(limit, read_network(actor.client_address))
        await Attempt(resources.throttles, own=(bucket,)).count()
        raise


@asynccontextmanager
async def count_change(resources: Resources, actor: Actor) -> AsyncIterator[None]:
    """Count what a person changes of their own inside. Admins change a whole school's.

    Each change may leave a row in the trail, of which nothing is ever deleted. What takes a hash,
    or only undoes what was counted when it was made, needs no count of its own.

    Raises:
        TooManyAttempts: they changed so much lately.
    """
    if actor.is_admin:
        yield
        return
    async with count_made(resources, actor, limit=resources.limits.change):
        yield


@asynccontextmanager
async def count_made(
    resources: Resources, actor: Actor, *, limit: Limit, refunded: type[AppError] = AppError
) -> AsyncIterator[None]:
    """Count what a person makes inside. What is refused with `refunded` does not count.

    Raises:
        TooManyAttempts: they made so many lately.
    """
    attempt = Attempt(resources.throttles, own=(Bucket(limit, str(actor.user_id)),))
    await attempt.count()
    try:
        yield
    except refunded:
        await attempt.undo()
        raise
