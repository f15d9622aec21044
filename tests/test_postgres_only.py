"""What ties a program to one PostgreSQL server, or to one session of it, stands in one module.

A database of several nodes, or connections that are shared on the way, are then a matter of one
file; docs/postgresql.md says what it uses.
"""

import re
from pathlib import Path

import pytest

from tests.documents import ROOT

HELPER = ROOT / "app" / "postgres_only.py"
DRIVER = ROOT / "app" / "postgres.py"
MODULES = sorted(
    path
    for folder in ("app", "alembic")
    for path in (ROOT / folder).rglob("*.py")
    if path not in {HELPER, DRIVER}
)
# As they are written in statements; the words of a sentence are in small letters.
TIED = re.compile(
    r"advisory_|pg_try_|\bLOCK TABLE|\bSET (?:LOCAL|SESSION)\b|set_config\(|\bLISTEN \w|\bNOTIFY \w"
    r"|pg_notify|add_listener|setval|nextval|currval|pg_get_serial_sequence|\bTEMP(?:ORARY)? TABLE"
    r"|WITH HOLD|\bPREPARE TRANSACTION|\bpg_[a-z_]+\("
)
# What doctor asks one server, to tell a person.
TOLD = {"app/doctor/postgres.py": {"pg_is_in_recovery("}}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_stands_in_no_other_module(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    found = set(TIED.findall(path.read_text("utf-8")))
    assert found <= TOLD.get(name, set()), f"{found}: app/postgres_only.py is the place for it"


def test_is_looked_for_by_words_that_are_used() -> None:
    assert {"LOCK TABLE", "SET LOCAL", "setval"} <= set(TIED.findall(HELPER.read_text("utf-8")))


@pytest.mark.parametrize(
    "statement",
    [
        *("SELECT pg_advisory_xact_lock(1)", "SELECT pg_try_advisory_lock(1)", "LISTEN changes"),
        *("SET SESSION search_path = x", "SELECT set_config('a', 'b', false)", "LOCK TABLE post"),
        *("CREATE TEMP TABLE x (y int)", "SELECT pg_notify('a', 'b')", "SELECT nextval('post_id')"),
    ],
)
def test_is_found(statement: str) -> None:
    assert TIED.search(statement)
