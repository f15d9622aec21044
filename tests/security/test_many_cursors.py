"""Pages that nobody has: however many are asked for, what is kept of them stays within its room.

A cursor is text, so there is no end of them, and each asks for an empty page of some bytes. What
remembers it takes hundreds.
"""

import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime

from app.models import Role, SessionKind
from app.principals import Principal, SessionRow
from app.resources import Resources
from app.services.cursors import make_cursor
from app.services.user_pages import write_page
from app.tokens import Claims
from tests.wire import ONE_ENGINE

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SESSION = SessionRow(1, "sid", SessionKind.COOKIE, "http", "", "", NOW, NOW, NOW, NOW)
VIEWER = Principal(
    user_id=1,
    public_id="A" * 16,
    uid="ada",
    name="Ada",
    email=None,
    role=Role.USER,
    is_active=True,
    created_at=NOW,
    updated_at=NOW,
    session=SESSION,
    claims=Claims("A" * 16, "sid", "jti", NOW, NOW),
    carrier=SessionKind.COOKIE,
)
ROOM, PAGES = 200_000, 2_000


@ONE_ENGINE
async def test_take_no_more_room_than_there_is(resources: Resources) -> None:
    resources.kept.max_bytes = ROOM
    boss = replace(VIEWER, role=Role.ADMIN)
    # What is made once, by the first who asks.
    await write_page(resources, viewer=VIEWER)
    await write_page(resources, viewer=boss)
    tracemalloc.start()
    try:
        for number in range(PAGES):
            cursor = make_cursor(f"{number}" + "\u00ff" * 70)
            await write_page(resources, viewer=boss if number % 2 else VIEWER, cursor=cursor)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 1.5 * ROOM
