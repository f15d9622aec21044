"""What somebody may still ask for who must set up a second factor before anything else.

Everywhere else `OptionalUser` counts them as nobody. The routes that set one up, and those that log
out, take these instead.
"""

from typing import Annotated

from fastapi import Depends, Request

from app.dependencies import AnyUser, find_principal
from app.errors import PageNeedsLogin, Unauthenticated
from app.incoming import get_actor
from app.principals import Actor, Principal


async def _enrolling_user(request: Request, principal: AnyUser) -> Principal:
    if principal is None:
        # Once more, for its reason: credentials that do not hold raise theirs here.
        await find_principal(request)
        raise Unauthenticated
    return principal


EnrollingUser = Annotated[Principal, Depends(_enrolling_user)]


async def _enrolling_page_user(principal: AnyUser) -> Principal:
    if principal is None:
        raise PageNeedsLogin
    return principal


EnrollingPageUser = Annotated[Principal, Depends(_enrolling_page_user)]


async def _actor(request: Request, principal: AnyUser) -> Actor:
    return get_actor(request, principal)


EnrollingActor = Annotated[Actor, Depends(_actor)]
