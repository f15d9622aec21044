"""kill -9 in the middle of a restore, at every step: then all is as it was, or all is new."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.backups.conftest import PICTURES, Instance
from tests.server.process import ROOT, environment_for

pytestmark = pytest.mark.process

# One process for all steps, since starting one takes longest. A child of it dies at the step that
# it is told; then the next start makes whole what is left, and what is there is written down.
PROGRAM = """
import json, os, shutil, signal, sqlite3, sys
from pathlib import Path
from app import startup
from app.backups.restoring import restore_backup
from app.config import Settings
from app.models import utc_now
from app.progress import Terminal

origin, made = Path(sys.argv[1]), Path(sys.argv[2])
STEPS = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "shutil.copyfile"}
left = 0

def watch(event, arguments):
    global left
    if event in STEPS and left:
        left -= 1
        if not left:
            print(event, arguments[:2], file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)

def quiet(line):
    pass

step, is_killed = 0, True
while is_killed:
    step += 1
    folder = origin.with_name(f"copy-{step}")
    shutil.copytree(origin, folder)
    settings = Settings(_env_file=None, instance_dir=folder)
    child = os.fork()
    if not child:
        left = step
        restore_backup(
            settings, made, now=utc_now(), stages=Terminal(), report=quiet, with_keys=True
        )
        os._exit(0)
    is_killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    lines = []
    startup.prepare(settings, lines.append)
    database = sqlite3.connect(settings.sqlite_path)
    (whole,) = database.execute("PRAGMA integrity_check").fetchone()
    found = {
        "uids": [uid for (uid,) in database.execute("SELECT uid FROM user ORDER BY uid")],
        "living": database.execute(
            "SELECT count(*) FROM user_session WHERE revoked_at IS NULL"
        ).fetchone()[0],
        "pictures": sorted(path.name[0] for path in settings.pictures_dir.iterdir()),
        "keys": json.loads(settings.keys_path.read_text())["keys"][0]["kid"],
        "whole": whole,
        "left": sorted(p.name for p in folder.iterdir() if "restoring" in p.name),
        "aside": len(list(folder.glob("before-restore-*/portfolio.db"))),
        "said": lines,
    }
    database.close()
    print(json.dumps(found))
    shutil.rmtree(folder)
"""


ENDINGS = ("the backup is in place", "all is as it was", "only leftovers")


def kid(path: Path) -> str:
    found: str = json.loads(path.read_text())["keys"][0]["kid"]
    return found


def prepare(instance: Instance, folder: Path) -> tuple[Path, Path, str]:
    """Return an instance that has moved on, a backup of before with keys, and a key's name then."""
    made = instance.back_up(folder / "made.tar", with_keys=True)
    old_kid = kid(instance.settings.keys_path)
    instance.settings.keys_path.write_text(
        instance.settings.keys_path.read_text().replace(old_kid, "12345678")
    )
    instance.add_user("bob")
    instance.add_picture(PICTURES[2])
    (instance.settings.pictures_dir / f"{PICTURES[1]}.webp").unlink()
    origin = folder / "origin"
    origin.mkdir(mode=0o700)
    for name in ("portfolio.db", "keys.json", "audit-keys.json", "uploads"):
        (folder / name).rename(origin / name)
    return origin, made, old_kid


def test_restore(instance: Instance, tmp_path: Path) -> None:
    origin, made, old_kid = prepare(instance, tmp_path)
    done = subprocess.run(  # noqa: S603  (our own program)
        [sys.executable, "-c", PROGRAM, str(origin), str(made)],
        cwd=ROOT,
        env=environment_for(tmp_path, {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]

    old = {"uids": ["ada", "bob"], "living": 2, "pictures": ["A", "C"], "keys": "12345678"}
    new = {"uids": ["ada"], "living": 0, "pictures": ["A", "B"], "keys": old_kid}
    states = []
    for one in found:
        assert (one["whole"], one["left"]) == ("ok", [])
        state = {name: one[name] for name in old}
        assert state in (old, new)
        states.append(state == new)
        assert one["aside"] == (1 if state == new else 0)
    # Old up to one step, new from there on, and both were seen at several.
    assert states == sorted(states)
    assert 3 <= sum(states) <= len(states) - 3
    told = [[words for words in ENDINGS[:2] if words in " ".join(one["said"])] for one in found]
    assert all(words in ([], [ENDINGS[not new]]) for words, new in zip(told, states, strict=True))
    assert all(any(words in line for one in found for line in one["said"]) for words in ENDINGS)
