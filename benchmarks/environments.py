"""Environments: the peers' own, and what a server of ours is installed with. Made once.

They lie under `.bench/` and come from lock files, as `.venv` does. Ours has no packages of
developers: some of them change what others load.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORK = ROOT / ".bench"
PEERS = Path(__file__).with_name("peers")
OURS = "ours"
_MADE_FROM = "made-from.lock"
_PACKAGES = {
    "flask": ("flask", "flask-cors", "flask-restful", "flask-sqlalchemy", "gunicorn"),
    "fastapi_users": ("fastapi-users",),
    "django": ("django", "djangorestframework"),
}


def environment(name: str, say: Callable[[str], None]) -> Path:
    """Return the folder of the programs of a peer's environment, and make it first if needed.

    What it was made from is written beside it as the last act, so that one that was interrupted or
    whose lock has changed since is made anew.
    """
    lock = PEERS / name / "requirements.lock"
    if name == OURS:  # it is measured on both databases
        lock = ROOT / "requirements-postgresql.lock"
    folder = WORK / "environments" / name
    made_from = folder / _MADE_FROM
    wanted = f"{sys.version}\n{folder}\n{lock.read_text('utf-8')}"
    if not made_from.exists() or made_from.read_text("utf-8") != wanted:
        say(f"Setting up {name} in {folder.relative_to(ROOT)}: once, about half a minute.")
        shutil.rmtree(folder, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(folder))
        pip = (str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check")
        _run(*pip, "install", "--quiet", "--require-hashes", "--no-deps", "-r", str(lock))
        made_from.write_text(wanted, "utf-8")
    return folder / "bin"


def python() -> str:
    """Return the interpreter of our environment, which `environment` has made before."""
    return str(WORK / "environments" / OURS / "bin" / "python")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  (our own words)


def versions() -> str:
    """Return what peers consist of, with versions, as far as their environments are there."""
    found = set()
    for name, packages in _PACKAGES.items():
        folders = [str(path) for path in (WORK / "environments" / name).glob("lib/*/site-packages")]
        for one in metadata.distributions(path=folders):
            if one.name.lower() in packages:
                found.add(f"{one.name.lower()} {one.version}")
    return ", ".join(sorted(found))


def source_tree() -> Path:
    """Return a copy of this project's tree with a file of 100 KB to serve under `/static/`.

    All but that folder is the tree itself, by links.
    """
    tree = WORK / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for name in ("app", "alembic", "templates"):
        (tree / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "static", tree / "static")
    (tree / "static" / FILE_NAME).write_bytes(file_of_100_kb())
    return tree


FILE_NAME = "sample.png"
FILE_BYTES = 100_000


def file_of_100_kb() -> bytes:
    """Return what every server has under the name of a picture: nobody compresses it."""
    return bytes(number * 7 % 251 for number in range(FILE_BYTES))
