"""Work on the event loop in pieces: who asks for something short does not wait for all of it."""

import asyncio


async def let_others_in() -> None:
    """Let those go first who came meanwhile.

    The loop reads what came in one of its rounds, and begins with it in the next.
    """
    await asyncio.sleep(0)
    await asyncio.sleep(0)
