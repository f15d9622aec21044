"""Known devices: browsers that an account has logged in from, so that strangers cannot hold it up.

A browser keeps a mark for each of the last few accounts that logged in with it. A mark is a random
number, the day it was made on, and an HMAC over both and over whose it is: it names nobody to
whoever reads it, and the server keeps nothing. It opens nothing either: a browser with a mark of an
account has a few attempts at that account's password to itself, and that is all (OWASP, device
cookies). A new password makes every older mark worthless.
"""

import hmac
import re
import secrets
from datetime import UTC, datetime, timedelta

from app.keys import KeyRing
from app.tokens import b64encode

# As many people as share a browser; the latest go first.
MAX_MARKS = 5
_MARK = re.compile(r"([A-Za-z0-9_-]{16})\.([0-9]{5})\.([A-Za-z0-9_-]{22})")
_MARK_LENGTH = 45
_MAC_BYTES = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


class DeviceCodec:
    """Makes and finds marks with the keys of one ring; they hold for `life`."""

    def __init__(self, ring: KeyRing, life: timedelta) -> None:
        self.life = life
        self._keys = {key.kid: key.derive(b"device") for key in ring.keys}
        self._signing = self._keys[ring.current.kid]

    def mark(self, known: str, *, public_id: str, epoch: int, now: datetime) -> str:
        """Return a browser's marks with a new one for an account in front, in place of its old one.

        `known` are those that it has; `epoch` counts the account's passwords.
        """
        ours = self._find(known, public_id, epoch)
        others = [mark for mark in _split(known) if ours is None or mark != ours[0]]
        body = f"{secrets.token_urlsafe(12)}.{_day(now):05}"
        mark = f"{body}.{_mac(self._signing, body, public_id, epoch)}"
        return "~".join([mark, *others][:MAX_MARKS])

    def find(self, known: str, *, public_id: str, epoch: int, now: datetime) -> str | None:
        """Return the random number of a browser's mark for an account; None if none holds.

        The work is the same for an account that does not exist.
        """
        found = self._find(known, public_id, epoch)
        if found is None:
            return None
        _, number, day = found
        # A clock that was set back makes no mark older than it is.
        is_alive = timedelta(0) <= (_day(now) - day) * _DAY < self.life
        return number if is_alive else None

    def _find(self, known: str, public_id: str, epoch: int) -> tuple[str, str, int] | None:
        """Return the mark that is an account's, its number and its day."""
        found = None
        for mark in _split(known):
            body, _, given = mark.rpartition(".")
            for key in self._keys.values():
                if hmac.compare_digest(_mac(key, body, public_id, epoch), given):
                    number, _, day = body.partition(".")
                    found = found or (mark, number, int(day))
        return found


def _split(known: str) -> list[str]:
    """Return the marks in a cookie's value; none of a value that is not all marks."""
    if len(known) > MAX_MARKS * (_MARK_LENGTH + 1):
        return []
    marks = known.split("~")
    return marks if all(_MARK.fullmatch(mark) for mark in marks) else []


def _day(moment: datetime) -> int:
    return (moment - _EPOCH) // _DAY


def _mac(key: bytes, body: str, public_id: str, epoch: int) -> str:
    text = f"{body}.{public_id}.{epoch}".encode()
    return b64encode(hmac.digest(key, text, "sha256")[:_MAC_BYTES])
