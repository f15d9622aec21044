"""A PostgreSQL cluster for the tests: made from the installed binaries, on a free loopback port.

The server refuses to run as root, so there it runs as the account `postgres` or `nobody`.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
        return "-c ssl=on " + " ".join(f"-c ssl_{name}" for name in names)


@contextmanager
def cluster(binaries: Path, *, guard: Guard | None = None) -> Iterator[str]:
    """Start a cluster, yield the address of its server without a database name, and remove it."""
    folder = Path(tempfile.mkdtemp(prefix="portfolio-pg-"))
    user = unprivileged_user()
    if user is not None:
        shutil.chown(folder, user)
    files = folder / "data"
    port = free_port()

    def run(program: str, *arguments: str) -> None:
        command = [str(binaries / program), *arguments]
        subprocess.run(command, check=True, user=user, cwd=folder, capture_output=True)  # noqa: S603

    try:
        run("initdb", "-D", str(files), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-sync")
        # The tests' data may be lost; their time may not.
        unsafe = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        guarded = guard.post(files, user) if guard is not None else ""
        options = f"-h 127.0.0.1 -p {port} -k {folder} -c max_connections=60 {unsafe} {guarded}"
        run("pg_ctl", "-D", str(files), "-l", str(folder / "log"), "-o", options, "-w", "start")
        try:
            yield f"postgresql://{SUPERUSER}@127.0.0.1:{port}"
        finally:
            run("pg_ctl", "-D", str(files), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
