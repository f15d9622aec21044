"""How fast a backup goes: so that whoever commits meanwhile has the disk when they need it.

With 500 writes a second beside the backup of 1.6 GB, 99 of 100 writes were done within 21 to 31 ms;
without the pauses, and with larger pieces, within 49 to 51 ms, and the backup took a sixth of the
time.
"""

import os
import time

# How much may wait for the disk: a commit waits for it too.
PIECE_BYTES = 2 * 2**20
PAUSE_SECONDS = 0.01


def settle(descriptor: int) -> None:
    """Have what was written on the disk, then leave the disk to others for a moment."""
    os.fsync(descriptor)
    time.sleep(PAUSE_SECONDS)
