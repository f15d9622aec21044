"""Connections that keep to limits: no sender and no reader holds one for longer than it takes.

uvicorn waits for ever for a head or a body that trickles, for a head that never ends, and for a
reader that does not take its answer. The protocol here is uvicorn's own with deadlines, bounds and
a stricter look at heads; `portfolio serve` speaks it.
"""

from app.connections.protocol import Connection, watched_by
from app.connections.watch import Limits, Watch

__all__ = ["Connection", "Limits", "Watch", "watched_by"]
