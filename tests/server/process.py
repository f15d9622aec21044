"""Starting, watching and stopping a server process."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.canary import CANARY

ROOT = Path(__file__).parents[2]
CHEAP_HASHES = {"ARGON2_MEMORY_KIB": "8", "ARGON2_TIME": "1"}
LAST_LINE = "Stop with Ctrl-C."


def environment_for(folder: Path, changes: dict[str, str]) -> dict[str, str]:
    """Return a clean environment: an instance in `folder`, a free port, nothing of the caller's."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}  # noqa: TID251
    coverage = {
        name: value
        for name, value in os.environ.items()  # noqa: TID251  (coverage measures children by it)
        if name.startswith("COVERAGE_")
    }
    own = {"INSTANCE_DIR": str(folder / "instance"), "PORT": "0", "PYTHONPATH": str(ROOT)}
    return {**kept, **coverage, **own, **CHEAP_HASHES, **changes}


class RunningServer:
    """A `portfolio serve`, once it has said where it is. `lines` is what it printed until then."""

    def __init__(
        self, folder: Path, command: Sequence[str] = (), changes: dict[str, str] | None = None
    ) -> None:
        arguments = [sys.executable, *(command or ("-m", "app"))]
        self.folder = folder
        self.log = (folder / "server.log").open("ab")
        self.process = subprocess.Popen(  # noqa: S603  (our own program)
            arguments,
            cwd=folder,
            env=environment_for(folder, changes or {}),
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.lines = list(self._read_greeting())

    def _read_greeting(self) -> Sequence[str]:
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line.strip())
            if line.strip() == LAST_LINE:
                break
        return lines

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The address the server printed."""
        line = next(line for line in self.lines if line.startswith("Site "))
        return line.removeprefix("Site").strip()

    @property
    def setup_link(self) -> str | None:
        """The link to create the first admin, if one was printed."""
        return next((line for line in self.lines if "/setup?token=" in line), None)

    def stop(self, reason: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """Press Ctrl-C, or the like; return the exit code and what was printed after that."""
        self.process.send_signal(reason)
        rest, _ = self.process.communicate(timeout=20)
        return self.process.returncode, rest

    def kill(self) -> None:
        """Pull the plug on the process."""
        self.process.kill()
        self.process.wait(timeout=20)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=20)
        self.log.close()
        CANARY.check_output(self.folder)


def run_command(
    folder: Path, *arguments: str, stdin: str = "", **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run `portfolio …` to its end, beside whatever runs already."""
    return subprocess.run(  # noqa: S603  (our own program)
        [sys.executable, "-m", "app", *arguments],
        cwd=folder,
        env=environment_for(folder, changes),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
