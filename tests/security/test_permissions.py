"""Who may do what: permissions.csv against every operation there is.

Each operation is asked for, with a request that is valid, by everybody the table has a column for.
A refusal must have changed nothing and must tell nothing. What single operations do when they are
allowed is tested beside their routes; exact answers are in test_answers.py, other people's things
in test_others_things.py.
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.security.asking import ask, holds_no_secret
from tests.security.conftest import Stage
from tests.security.operations import Operation, list_operations
from tests.security.school import dump, files, restore
from tests.wire import ONE_ENGINE, describe_api

COLUMNS = ("anonymous", "user", "another", "teacher", "other_teacher", "admin", "disabled")
# A teacher may see pupils' pictures; that it is ada's is then no wonder.
_PICTURE = "GET /pictures/{name}.webp"
# The second spelling of an old address is the same function: two columns tell whether it is there.
_BOTH_SPELLINGS = frozenset({"anonymous", "user"})


def read_table() -> dict[str, Mapping[str, str]]:
    """Return the rows of permissions.csv by operation."""
    text = Path(__file__).with_name("permissions.csv").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {f"{row['method']} {row['path']}": row for row in csv.DictReader(lines)}


TABLE = read_table()


class TestTheTable:
    def test_an_operation_without_a_row(self) -> None:
        assert [str(found) for found in list_operations() if str(found) not in TABLE] == []

    def test_a_row_without_an_operation(self) -> None:
        known = {str(found) for found in list_operations()}
        assert [name for name in TABLE if name not in known] == []

    def test_the_document_names_no_other_operations(self) -> None:
        documented = {
            f"{method.upper()} {path}"
            for path, methods in describe_api()["paths"].items()
            for method in methods
        }
        assert documented - TABLE.keys() == set()

    def test_every_column_of_every_row_is_a_status(self) -> None:
        for name, row in TABLE.items():
            assert all(row[column].isdigit() for column in COLUMNS), name

    def test_nobody_may_more_than_somebody(self) -> None:
        """Where a stranger is let in everybody is, but for pages that lead on who is known."""
        for name, row in TABLE.items():
            if int(row["anonymous"]) < 300:
                statuses = {row[column] for column in COLUMNS if column != "disabled"}
                assert all(int(status) < 400 for status in statuses), name

    def test_a_disabled_account_is_nobody(self) -> None:
        """It may what strangers may, and what it would have to prove itself for it may not."""
        for name, row in TABLE.items():
            assert row["disabled"] in {row["anonymous"], "401"}, name


async def _try(stage: Stage, operation: Operation, column: str, spelling: str) -> int:
    """Ask once, check the answer and the database, and leave everything as it was."""
    school, resources = stage.school, stage.resources
    before: tuple[Any, Any] = (school.rows, files(resources).keys())
    answer = await ask(stage.app, school, operation, column, spelling=spelling)
    after = (await dump(resources), files(resources).keys())
    if answer.status_code >= 400 or operation.is_safe:
        assert after == before, f"{operation} as {column} changed something"
    if not (str(operation) == _PICTURE and answer.is_success):
        holds_no_secret(school, column, operation, answer)
    if after != before:
        await restore(resources, school)
    return answer.status_code


class TestEverybody:
    @ONE_ENGINE
    @pytest.mark.parametrize("operation", list_operations(), ids=str)
    async def test_may_what_the_table_says(self, stage: Stage, operation: Operation) -> None:
        row = TABLE[str(operation)]
        for column in COLUMNS:
            number = len(operation.spellings) if column in _BOTH_SPELLINGS else 1
            for spelling in operation.spellings[:number]:
                status = await _try(stage, operation, column, spelling)
                assert status == int(row[column]), f"{column} at {spelling}"

    @pytest.mark.parametrize("engine", ["postgresql"])
    @pytest.mark.parametrize("column", ["user", "another", "admin"])
    async def test_may_the_same_on_the_other_database(self, stage: Stage, column: str) -> None:
        for operation in list_operations():
            if not operation.is_safe or "{" in operation.path:
                status = await _try(stage, operation, column, operation.path)
                assert status == int(TABLE[str(operation)][column]), f"{operation} as {column}"
