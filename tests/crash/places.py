"""A PostgreSQL that may be killed: what it acknowledges is written, as it is elsewhere."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.postgres import Cluster, running

PATIENCE = 20.0


@contextmanager
def lasting_cluster(binaries: Path) -> Iterator[Cluster]:
    """Start one that loses nothing but with the power; it is removed however it is."""
    with running(binaries, "max_connections=60") as cluster:
        yield cluster


def kill(cluster: Cluster) -> None:
    """Kill the server and all that it has started, and wait until they are gone."""
    first = int((cluster.files / "postmaster.pid").read_text().split("\n", maxsplit=1)[0])
    # So that it starts none that are not on the list.
    os.kill(first, signal.SIGSTOP)
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    with ExitStack() as watching:
        for process in (first, *map(int, children)):
            with suppress(ProcessLookupError):
                descriptor = os.pidfd_open(process)
                watching.callback(os.close, descriptor)
                os.kill(process, signal.SIGKILL)
                # It can be read once the process is gone.
                select.select([descriptor], [], [], PATIENCE)
    # A machine that is a container may keep the process's number, as if it were there.
    for lock in (cluster.files / "postmaster.pid", *cluster.folder.glob(".s.PGSQL.*")):
        lock.unlink()
