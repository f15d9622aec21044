"""How much one person may make and change: dependencies of the routes that make something.

Counted before the route's work and given back where that is refused. Named after whoever must be
logged in; without anybody the route refuses by itself.
"""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends

from app.dependencies import ActorDep, ResourcesDep
from app.services import throttling


async def _post(resources: ResourcesDep, actor: ActorDep) -> AsyncIterator[None]:
    async with throttling.count_made(resources, actor, limit=resources.limits.post):
        yield


async def _creation(resources: ResourcesDep, actor: ActorDep) -> AsyncIterator[None]:
    async with throttling.count_made(resources, actor, limit=resources.limits.creation):
        yield


async def _change(resources: ResourcesDep, actor: ActorDep) -> AsyncIterator[None]:
    async with throttling.count_change(resources, actor):
        yield


# One more change of what is one's own.
ChangeQuota = Annotated[None, Depends(_change, scope="function")]
# One more post.
PostQuota = Annotated[None, Depends(_post, scope="function")]
# One more channel, group or section.
CreationQuota = Annotated[None, Depends(_creation, scope="function")]
