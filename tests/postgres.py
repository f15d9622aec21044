"""A PostgreSQL cluster for the tests: made from the installed binaries, on a free loopback port.

The server refuses to run as root, so there it runs as the account `postgres` or `nobody`.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SUPERUSER = "portfolio"


def find_binaries() -> Path | None:
    """Return the folder of `initdb` and `postgres`, the newest version first, or None."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    candidates = [*debian, *([Path(on_path).parent] if on_path else [])]
    return next((path for path in candidates if (path / "postgres").exists()), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def unprivileged_user() -> str | None:
    """Return whom to run as when we are root, None when we are not."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@dataclass(frozen=True)
class Guard:
    """Certificates of a server that lets nobody in without one of theirs. The key is its own."""

    cert: Path
    key: Path
    authority: Path

    def post(self, files: Path, user: str | None) -> str:
        """Put them into a cluster's folder; return the options that make the server use them."""
        for name, source in (("cert", self.cert), ("key", self.key), ("ca", self.authority)):
            place = files / f"guard.{name}"
            shutil.copy(source, place)
            place.chmod(0o600)
            if user is not None:
                shutil.chown(place, user)
        (files / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 cert\n")
        names = ("cert_file=guard.cert", "key_file=guard.key", "ca_file=guard.ca")
        return "ssl=on " + " ".join(f"-c ssl_{name}" for name in names)


# The tests' data may be lost; their time may not.
FAST = ("fsync=off", "full_page_writes=off")
_LOOSE = ("synchronous_commit=off", "max_connections=60")


class Cluster:
    """The files of a cluster in a folder of its own, and the server on them, started or not."""

    def __init__(self, binaries: Path, settings: Sequence[str] = ()) -> None:
        self._binaries = binaries
        self._settings = [*FAST, *settings]
        self._user = unprivileged_user()
        self.folder = Path(tempfile.mkdtemp(prefix="portfolio-pg-"))
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self.files = self.folder / "data"
        self.port = free_port()

    @property
    def address(self) -> str:
        """The address of the server, without a database name."""
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}"

    def make(self) -> None:
        who = ("-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-sync")
        self._run("initdb", "-D", str(self.files), *who)

    def copy(self, other: "Cluster") -> None:
        """Become the standby of a running cluster."""
        way = ("-h", "127.0.0.1", "-p", str(other.port), "-U", SUPERUSER, "-c", "fast", "--no-sync")
        self._run("pg_basebackup", "-D", str(self.files), "-R", *way)

    def guard(self, guard: Guard) -> None:
        """Let nobody in without a certificate."""
        self._settings.append(guard.post(self.files, self._user))

    def start(self) -> None:
        settings = " ".join(f"-c {setting}" for setting in self._settings)
        options = f"-h 127.0.0.1 -p {self.port} -k {self.folder} {settings}"
        self._control("start", "-o", options)

    def stop(self, mode: str = "immediate") -> None:
        self._control("stop", "-m", mode)

    def restart(self, mode: str) -> None:
        self._control("restart", "-m", mode)

    def promote(self) -> None:
        self._control("promote")

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to the server and to all that it has started."""
        first = int((self.files / "postmaster.pid").read_text().split("\n", maxsplit=1)[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        for process in (first, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _control(self, what: str, *words: str) -> None:
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.files), "-l", log, "-w", what, *words)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), *arguments]
        subprocess.run(  # noqa: S603  (PostgreSQL's own programs)
            command, check=True, user=self._user, cwd=self.folder, capture_output=True
        )


@contextmanager
def running(
    binaries: Path, *settings: str, guard: Guard | None = None, copy_of: Cluster | None = None
) -> Iterator[Cluster]:
    """Make and start a cluster, yield it, and remove it however it is."""
    made = Cluster(binaries, settings)
    try:
        if copy_of is None:
            made.make()
        else:
            made.copy(copy_of)
        if guard is not None:
            made.guard(guard)
        made.start()
        try:
            yield made
        finally:
            with suppress(subprocess.CalledProcessError):  # a test has stopped it
                made.stop()
    finally:
        made.remove()


@contextmanager
def cluster(binaries: Path, *, guard: Guard | None = None) -> Iterator[str]:
    """Start a cluster, yield the address of its server without a database name, and remove it."""
    with running(binaries, *_LOOSE, guard=guard) as made:
        yield made.address
