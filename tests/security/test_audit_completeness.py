"""What each operation that writes leaves in the audit trail, by a table; a new one needs a row."""

import ast
import csv
from pathlib import Path

import pytest
from sqlmodel import col, select

from app.models import AuditEvent
from app.services.audit.actions import ACTIONS
from app.services.audit.recording import BROKEN, KEY_CHANGED
from tests.documents import ROOT
from tests.security.asking import ask
from tests.security.conftest import Stage
from tests.security.operations import list_operations
from tests.security.school import restore
from tests.wire import ONE_ENGINE

OPERATIONS = {str(operation): operation for operation in list_operations()}
WRITES = [operation for operation in list_operations() if not operation.is_safe]
with (Path(__file__).parent / "audit.csv").open(encoding="utf-8", newline="") as _file:
    _ROWS = list(csv.DictReader(line for line in _file if not line.startswith("#")))
TABLE = {(f"{row['method']} {row['path']}", row["asker"]): row for row in _ROWS}


async def _actions(stage: Stage) -> list[str]:
    async with stage.resources.database.transaction(read_only=True) as session:
        query = select(AuditEvent.action).order_by(col(AuditEvent.id))
        return list((await session.exec(query)).all())


class TestTable:
    def test_has_a_row_for_every_operation_that_writes_and_no_more(self) -> None:
        assert {name for name, _ in TABLE} == {str(operation) for operation in WRITES}
        assert len(TABLE) == len(_ROWS)

    def test_says_why_where_nothing_is_left(self) -> None:
        silent = [name for name, row in TABLE.items() if not (row["actions"] or row["because"])]
        assert silent == []


@ONE_ENGINE
@pytest.mark.parametrize(("name", "asker"), [key for key in TABLE if key[1]], ids=str)
async def test_leaves_what_the_table_says(stage: Stage, name: str, asker: str) -> None:
    row, operation = TABLE[name, asker], OPERATIONS[name]
    before = await _actions(stage)
    answer = await ask(stage.app, stage.school, operation, asker, spelling=operation.spellings[0])
    assert answer.status_code < 400, answer.text
    left = (await _actions(stage))[len(before) :]
    await restore(stage.resources, stage.school)
    assert " ".join(left) == row["actions"]


class TestWords:
    def test_every_action_of_the_source_has_words_and_the_other_way_round(self) -> None:
        """Actions are texts with a hyphen, or `login` and `logout`, near a `record`."""
        written: set[str] = {BROKEN, KEY_CHANGED}
        for path in (ROOT / "app").rglob("*.py"):
            text = path.read_text("utf-8")
            if "record" in text and path.name != "actions.py":
                written |= {
                    node.value
                    for node in ast.walk(ast.parse(text))
                    if isinstance(node, ast.Constant) and node.value in ACTIONS
                }
                written |= {
                    call.args[2].value
                    for call in ast.walk(ast.parse(text))
                    if isinstance(call, ast.Call)
                    and getattr(call.func, "attr", getattr(call.func, "id", "")) == "record"
                    and len(call.args) > 2
                    and isinstance(call.args[2], ast.Constant)
                    and isinstance(call.args[2].value, str)
                }
        assert written == set(ACTIONS)
