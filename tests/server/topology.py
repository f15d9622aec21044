"""Two servers of two workers each on one PostgreSQL and one cache, behind nginx, on this machine.

This is docker-compose.scale.yml without the containers. nginx has the compose file's configuration;
only the port, the servers' addresses and the place of its files are put in.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import ours
from tests.postgres import free_port
from tests.server.process import LAST_LINE, ROOT, RunningServer

NODES = 2
COMMAND = ("-m", "app", "serve", "--workers", "2")
PATIENCE = 10.0


class Node:
    """One server, on a port that stays its own over restarts."""

    def __init__(self, folder: Path, changes: dict[str, str]) -> None:
        folder.mkdir()
        self.port = free_port()
        self._folder = folder
        self._changes = {**changes, "PORT": str(self.port), "LOG_FORMAT": "json"}
        self._server: RunningServer | None = None
        # What it printed at all its starts.
        self.told: list[str] = []

    @property
    def running(self) -> RunningServer:
        assert self._server is not None
        return self._server

    def start(self) -> None:
        self._server = RunningServer(self._folder, COMMAND, self._changes)
        self.told += self._server.lines
        assert self.told[-1:] == [LAST_LINE], (self._folder / "server.log").read_text("utf-8")

    def stop(self) -> None:
        """End it as a supervisor does."""
        if self._server is not None:
            self._server.close()


class Topology:
    """The nodes, and the port of the nginx in front of them."""

    def __init__(self, folder: Path, database_url: str, **changes: str) -> None:
        self.port = free_port()
        self.instance = folder / "instance"
        self.database_url = database_url
        settings = {
            **{name.upper(): value for name, value in ours.PRODUCTION.items()},
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "INSTANCE_DIR": str(self.instance),
            "DATABASE_URL": database_url,
            "TRUSTED_PROXIES": "127.0.0.1",
            **changes,
        }
        self.nodes = [Node(folder / f"node{number}", settings) for number in range(NODES)]

    def start(self) -> None:
        """Start all at once, on a database that nobody has migrated."""
        with ThreadPoolExecutor(NODES) as pool:
            list(pool.map(Node.start, self.nodes))

    def stop(self) -> None:
        with ThreadPoolExecutor(NODES) as pool:
            list(pool.map(Node.stop, self.nodes))


@contextmanager
def running(folder: Path, database_url: str, **changes: str) -> Iterator[Topology]:
    """Run all of it while the block runs."""
    topology = Topology(folder, database_url, **changes)
    with ExitStack() as stack:
        stack.callback(topology.stop)
        topology.start()
        stack.enter_context(_nginx(folder / "nginx", topology))
        yield topology


@contextmanager
def _nginx(folder: Path, topology: Topology) -> Iterator[None]:
    (folder / "conf").mkdir(parents=True)
    template = (ROOT / "deploy" / "nginx.conf").read_text("utf-8")
    config = template.replace("listen 8080;", f"listen 127.0.0.1:{topology.port};")
    config = config.replace("/tmp/", f"{folder}/")  # noqa: S108  (nginx's, in its container)
    (folder / "conf" / "nginx.conf").write_text(config, "utf-8")
    servers = "".join(
        f"server 127.0.0.1:{node.port} max_fails=1 fail_timeout=1s;\n" for node in topology.nodes
    )
    (folder / "conf" / "nodes.conf").write_text(servers, "utf-8")
    # As root it would work as somebody who cannot come into this folder.
    user = "user root; " if os.geteuid() == 0 else ""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  (Debian's nginx)
            [
                *(str(find_nginx()), "-p", str(folder), "-c", "conf/nginx.conf"),
                *("-e", "stderr", "-g", f"daemon off; {user}"),
            ],
            stderr=log,
        )
        try:
            _wait_for(process, folder / "nginx.pid")
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_for(process: subprocess.Popen[bytes], pid_file: Path) -> None:
    # Written once it listens.
    deadline = time.monotonic() + PATIENCE
    while not pid_file.exists():
        assert process.poll() is None, (pid_file.parent / "log").read_text("utf-8")
        assert time.monotonic() < deadline
        os.sched_yield()


def find_nginx() -> str | None:
    """Return nginx's program, which Debian puts where not everybody looks."""
    return shutil.which("nginx", path=f"{os.defpath}:/usr/sbin:/sbin")
