"""Makes a base system and builds the Dockerfile over it: the first half of `make image-test`.

buildah does the building, in a store of its own that is thrown away; debootstrap makes the base,
kept between runs in the user's cache folder.
"""
# ruff: noqa: INP001, T201  (a script: it is in no package, and it talks)
# ruff: noqa: S603  (the programs it runs are its whole point; none of their words come from outside)
# ruff: noqa: TID251  (it is no part of the application, whose settings these are not)

import ast
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

SUITE = "bookworm"
BASE_PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
BASE_LIFE = 30 * 24 * 3600
PROJECT = Path(__file__).parents[1]
IMAGE = "localhost/fastapi-portfolio"
BASE = "localhost/base"
# What pip needs to reach its packages from inside the build, wherever that is configured here.
PIP_SETTINGS = {"index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries"}
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
started = time.monotonic()


class Failed(Exception):
    """The image is not what it should be. The message says in what."""


def say(line: str) -> None:
    print(f"[{time.monotonic() - started:5.1f} s] {line}", flush=True)


def run(*command: str | Path, given: str | None = None) -> str:
    """Run a program and return what it printed; its complaints go to the terminal."""
    done = subprocess.run(command, input=given, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Failed(f"{command[0]} failed ({done.returncode}): {done.stdout.strip()}")
    return done.stdout.strip()


def check(*, holds: bool, otherwise: str) -> None:
    if not holds:
        raise Failed(otherwise)


def find_mirror() -> str:
    """Return the mirror that this machine's apt uses for the suite, or for Debian at all."""
    fields = "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)"
    listing = run("apt-get", "indextargets", "--format", fields, "Created-By: Packages")
    rows = [(*line.split(), "")[:4] for line in listing.splitlines()]
    same = [uri for uri, release, component, _ in rows if (release, component) == (SUITE, "main")]
    debian = [
        uri for uri, _, component, origin in rows if (component, origin) == ("main", "Debian")
    ]
    found = [uri for uri in (*same, *debian) if uri.startswith("http")]
    check(holds=bool(found), otherwise="apt on this machine knows no mirror of Debian.")
    return found[0]


def make_base(cache: Path) -> Path:
    """Return the base system as a tar file; made when there is none or it is a month old."""
    base = cache / f"base-{SUITE}-{platform.machine()}.tar"
    if base.exists() and time.time() - base.stat().st_mtime < BASE_LIFE:
        say(f"Base system: {base}")
        return base
    mirror = find_mirror()
    say(f"Making a base system (once, one to two minutes): Debian {SUITE} from {mirror}")
    with tempfile.TemporaryDirectory(dir=cache, prefix="base-") as folder:
        root = Path(folder, "root")
        include = f"--include={BASE_PACKAGES}"
        log = run("debootstrap", "--variant=minbase", include, SUITE, root, mirror).splitlines()
        say(log[-1] if log else "done")
        for name in ("var/cache/apt/archives", "var/lib/apt/lists"):
            shutil.rmtree(root / name)
            (root / name / "partial").mkdir(parents=True)
        half = Path(folder, "base.tar")
        with tarfile.open(half, "w") as archive:
            archive.add(root, arcname=".")
        half.replace(base)
    return base


def pip_secrets(folder: Path) -> list[str]:
    """Write pip's settings of this machine for the build to read; return the options for buildah.

    They are mounted while pip runs and reach neither the image nor the project.
    """
    found: dict[str, str] = {}
    lines = run(sys.executable, "-m", "pip", "config", "list").splitlines()
    # The environment wins over files, as it does for pip.
    for line in sorted(lines, key=lambda line: line.startswith(":env:")):
        key, _, value = line.partition("=")
        found[key.rpartition(".")[2].removeprefix("default-")] = str(ast.literal_eval(value))
    bundle = Path(found.get("cert") or os.environ.get("SSL_CERT_FILE") or CA_BUNDLE)
    kept = {name: found[name] for name in sorted(PIP_SETTINGS & found.keys())}
    # Folders of this machine are not there in the build.
    for name in ("index-url", "extra-index-url"):
        remote = [url for url in kept.pop(name, "").split() if url.startswith("http")]
        kept |= {name: " ".join(remote)} if remote else {}
    options = []
    if bundle.is_file():
        kept["cert"] = "/run/secrets/ca"
        options.append(f"--secret=id=ca,src={bundle.resolve()}")
    written = folder / "pip.conf"
    written.write_text("[global]\n" + "".join(f"{key} = {kept[key]}\n" for key in kept))
    return [f"--secret=id=pip,src={written}", *options]


class Buildah:
    """buildah with a store of its own, which is thrown away at the end."""

    def __init__(self, folder: Path) -> None:
        store = ("--root", str(folder / "store"), "--runroot", str(folder / "run"))
        self.command = ("buildah", *store, "--storage-driver", "vfs")
        os.environ.update(BUILDAH_ISOLATION="chroot", STORAGE_DRIVER="vfs")

    def __call__(self, *words: str | Path, given: str | None = None) -> str:
        return run(*self.command, *words, given=given)

    def import_base(self, archive: Path) -> None:
        container = self("from", "scratch")
        self("add", "--quiet", container, archive, "/")
        self("commit", "--quiet", "--rm", container, BASE)

    def build(self, secrets: list[str]) -> None:
        options = ("--format=docker", "--pull=never", f"--build-arg=BASE_IMAGE={BASE}")
        command = (*self.command, "build", *options, *secrets, f"--tag={IMAGE}", str(PROJECT))
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL)
        check(holds=done.returncode == 0, otherwise="the image cannot be built (see above)")

    def config(self) -> dict[str, Any]:
        """Return what the image says about how to run it."""
        described = json.loads(self("inspect", "--type=image", IMAGE))
        config: dict[str, Any] = described["Docker"]["config"]
        return config

    def size(self, image: str) -> int:
        """Return the size of an image's own files, in bytes."""
        (found,) = json.loads(self("images", "--json", image))
        amount, unit = str(found["size"]).split()
        return int(float(amount) * UNITS[unit])
