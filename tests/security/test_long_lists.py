"""Lists that anybody may ask for stay short, however much people write.

Five hundred of the longest posts, which five pupils write in an hour, were 48 megabytes for anybody
who asked, and four seconds in which nobody else was served.
"""

import pytest

from app.models import Channel, Group, Post
from app.resources import Resources
from app.schemas.fields import MAX_JSON_BYTES, MAX_SHORT_JSON_BYTES
from app.services.groups import MAX_LISTED
from tests.legacy.flock import make_flock
from tests.people import People
from tests.services.rows import make_user, store
from tests.wire import ONE_ENGINE

# On its way out each of these becomes six characters.
_QUOTE = "'"
_MOST_BYTES = 8 * 2**20


@ONE_ENGINE
@pytest.mark.parametrize("path", ["/api/posts", "/api/channels", "/api/groups"])
async def test_is_no_flood(people: People, resources: Resources, path: str) -> None:
    author = await store(resources, make_user())
    flock = await make_flock(resources)
    content = {"a": _QUOTE * (MAX_JSON_BYTES - 20)}
    attributes = {"a": _QUOTE * (MAX_SHORT_JSON_BYTES - 20)}
    async with resources.database.transaction() as session:
        session.add_all(
            Post(user_id=author.id or 0, comment=_QUOTE * 10_000, content=content)
            for _ in range(200)
        )
        session.add_all(
            Channel(name="x", name_folded="x", group_id=flock.group_id, attributes=attributes)
            for _ in range(MAX_LISTED)
        )
        session.add_all(
            Group(name=f"{number}", name_folded=f"{number}") for number in range(MAX_LISTED)
        )
    client = await people.visitor()
    answer = await client.get(path)
    assert answer.status_code == 200
    assert 50_000 < len(answer.content) < _MOST_BYTES
