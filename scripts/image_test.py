"""Builds the container image and runs it, without a container engine: `make image-test`.

The image is started twice on one instance folder: by `buildah run`, and from a read-only root
without capabilities, as docker-compose.yml asks. Needs root and Debian; elsewhere it says so and
leaves it at that, unless CI=true. How the image is made is in image_build.py.
"""
# ruff: noqa: INP001, T201  (a script: it is in no package, and it talks)
# ruff: noqa: S603  (the programs it runs are its whole point; none of their words come from outside)
# ruff: noqa: TID251  (it is no part of the application, whose settings these are not)

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path

from image_build import BASE, IMAGE, Buildah, Failed, check, make_base, pip_secrets, say

PROGRAMS = ("buildah", "debootstrap", "unshare", "setpriv", "apt-get")
HOME = "/srv/portfolio"
UID = 10001
PERSON, PASSWORD = "ada", "correct horse battery staple"


class Instance:
    """A folder as a fresh clone has it, owned by somebody on this machine, and how to mount it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "instance"
        self.path.mkdir(mode=0o755)
        (self.path / ".gitkeep").touch()
        for path in (self.path, self.path / ".gitkeep"):
            os.chown(path, 1000, 1000)
        self.mount = ("--volume", f"{self.path}:{HOME}/instance")

    def hand_over(self, buildah: Buildah, container: str) -> None:
        """Do what the service `instance` of docker-compose.yml does, with no more rights."""
        limited = ("setpriv", "--no-new-privs", "--bounding-set=-all,+chown,+dac_read_search")
        change = ("chown", "-R", f"{UID}:{UID}", "instance")
        buildah("run", "--user=0:0", *self.mount, container, "--", *limited, *change)
        owner = self.path.stat().st_uid
        check(holds=owner == UID, otherwise=f"the instance still belongs to {owner}")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def get(port: int, path: str, accept: str = "*/*") -> tuple[int, str]:
    """Ask the server; the status is 0 while nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Accept": accept})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


def log_in(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    body = json.dumps({"uid": PERSON, "password": PASSWORD})
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/api/v1/auth/login", body, headers)
    return connection.getresponse().status


def descendants(pid: int) -> list[int]:
    """Return the process and everything below it, the deepest last."""
    below: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        # The name, in parentheses, may hold anything; the parent is the second word after it.
        with suppress(OSError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            below.setdefault(parent, []).append(int(stat.parent.name))
    family = [pid]
    for member in family:
        family += below.get(member, [])
    return family


def uids(pid: int) -> set[int]:
    """Return the real, effective, saved and file system user of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("Uid:"))
    return {int(word) for word in line.split()[1:]}


@contextmanager
def serving(command: list[str], port: int, stop: signal.Signals) -> Iterator[None]:
    """Start a server, look at what it answers and who it is, and stop it as an engine would."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while get(port, "/healthz")[0] == 0:
            check(holds=process.poll() is None, otherwise="the server ended at once")
            check(holds=time.monotonic() < deadline, otherwise="the server does not answer")
            time.sleep(0.1)
        server = descendants(process.pid)[-1]
        check(holds=uids(server) == {UID}, otherwise=f"the server runs as {uids(server)}")
        say(f"It serves on port {port} as user {UID}.")
        yield
        os.kill(server, stop)
        code = process.wait(timeout=20)
        check(holds=code == 0, otherwise=f"the server ended with code {code}")
    finally:
        if process.poll() is None:
            for member in descendants(process.pid):
                os.kill(member, signal.SIGKILL)
            process.wait()


def look_at_answers(port: int) -> None:
    status, body = get(port, "/healthz")
    check(holds=status == HTTPStatus.OK, otherwise=f"GET /healthz: {status}")
    say(f"GET /healthz: {status} {body}")
    status, page = get(port, "/", "text/html")
    check(holds=status == HTTPStatus.OK and "</html>" in page, otherwise=f"GET /: {status}")
    say(f"GET /: {status}, {len(page)} characters of HTML")


def run_first(buildah: Buildah, instance: Instance) -> None:
    """Start the image with `buildah run`, ask its own health check, and make somebody."""
    container, port = buildah("from", "--pull-never", IMAGE), free_port()
    stop = signal.Signals[buildah.config()["StopSignal"]]
    instance.hand_over(buildah, container)
    inside = ("run", "--env", f"PORT={port}", *instance.mount, container, "--")
    with serving([*buildah.command, *inside, "portfolio", "serve"], port, stop):
        look_at_answers(port)
        kind, *words = buildah.config()["Healthcheck"]["Test"]
        check(holds=kind == "CMD", otherwise=f"the health check is {kind}")
        buildah(*inside, *words)
        say("Its health check passes.")
        create = ("portfolio", "users", "create", PERSON, "--name", "Ada Lovelace")
        say(buildah(*inside, *create, given=PASSWORD + "\n"))
    refused = subprocess.run([*buildah.command, *inside, *words], check=False, capture_output=True)
    check(holds=refused.returncode != 0, otherwise="the health check passes without a server")
    buildah("rm", container)


def run_second(buildah: Buildah, instance: Instance) -> None:
    """Start a new container as docker-compose.yml does: nothing to write but instance and /tmp."""
    container, port = buildah("from", "--pull-never", IMAGE), free_port()
    stop = signal.Signals[buildah.config()["StopSignal"]]
    root = buildah("mount", container)
    for name in ("etc/pip.conf", "run/secrets/ca", "opt/portfolio/bin/pip"):
        check(holds=not Path(root, name).exists(), otherwise=f"/{name} is in the image")
    # An unwritable place must be one for root's rights too, so the mounts come before they go.
    mounts = f"""
        mount --bind "$0" "$0"
        mount --bind "$1" "$0{HOME}/instance"
        mount -t tmpfs tmpfs "$0/tmp"
        mount -t proc proc "$0/proc"
        mount --rbind /dev "$0/dev"
        mount -o remount,bind,ro "$0"
        if touch "$0/written" 2>/dev/null; then echo "the root is writable" >&2; exit 3; fi
        exec chroot "$0" setpriv --reuid={UID} --regid={UID} --clear-groups --no-new-privs \
            --inh-caps=-all --bounding-set=-all env -i "${{@:2}}" \
            sh -c 'cd {HOME} && exec portfolio serve'
    """
    environment = [*buildah.config()["Env"], f"PORT={port}"]
    shell = ["unshare", "--mount", "--propagation=private", "bash", "-ec", mounts]
    with serving([*shell, root, str(instance.path), *environment], port, stop):
        look_at_answers(port)
        status = log_in(port)
        check(holds=status == HTTPStatus.OK, otherwise=f"{PERSON} cannot log in: {status}")
        say(f"A new container, read-only: {PERSON} of the first one logs in.")
    buildah("umount", container)
    buildah("rm", container)


def test_image(cache: Path) -> None:
    base = make_base(cache)
    with tempfile.TemporaryDirectory(dir=cache, prefix="run-") as name:
        folder = Path(name)
        buildah = Buildah(folder)
        say("Building the image.")
        buildah.import_base(base)
        buildah.build(pip_secrets(folder))
        config = buildah.config()
        check(holds=config["User"] == f"{UID}:{UID}", otherwise=f"its user is {config['User']}")
        instance = Instance(folder)
        run_first(buildah, instance)
        run_second(buildah, instance)
        whole, below = buildah.size(IMAGE), buildah.size(BASE)
        say(f"Image: {whole / 1e6:.0f} MB, {(whole - below) / 1e6:.0f} MB of it over its base.")


def find_obstacle() -> str:
    """Return why this machine cannot do it, or an empty string."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"{', '.join(missing)} not installed (Debian: apt install buildah debootstrap)"
    return "" if os.geteuid() == 0 else "it must run as root (sudo make image-test)"


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    obstacle = find_obstacle()
    if obstacle:
        print(f"image-test skipped: {obstacle}.")
        return int(os.environ.get("CI") == "true")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "fastapi-portfolio")
    cache.mkdir(parents=True, exist_ok=True)
    try:
        test_image(cache)
    except Failed as failure:
        print(f"image-test failed: {failure}", file=sys.stderr)
        return 1
    say("image-test passed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
