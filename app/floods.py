"""How many failures are written down: enough to see an attack, not enough to fill a disk.

Anybody can fail without an account and without end. So each key (an account, or all names that
nobody has) has room for so many an hour; what is left out is counted, and the next one that is
written down tells how many that were. Each process has room of its own.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

HOUR = 3600.0
MAX_KEYS = 10_000


@dataclass(slots=True)
class _Room:
    since: float
    told: int = 0
    left_out: int = 0


class Flood:
    """Lets so many events of a key through in an hour, and counts the others."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rooms: OrderedDict[str, _Room] = OrderedDict()

    def admit(self, key: str, *, limit: int) -> Mapping[str, str] | None:
        """Return what is to be told beside an event, or None if it is to be left out."""
        now = self._clock()
        room = self._rooms.setdefault(key, _Room(now))
        self._rooms.move_to_end(key)
        if len(self._rooms) > MAX_KEYS:
            self._rooms.popitem(last=False)
        if now - room.since >= HOUR:
            room.since, room.told = now, 0
        if room.told >= limit:
            room.left_out += 1
            return None
        room.told += 1
        told = {"left_out": str(room.left_out)} if room.left_out else {}
        room.left_out = 0
        return {**told, "more": "counted only, for an hour"} if room.told == limit else told
