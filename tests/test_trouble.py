"""Which trouble with a database passes, with the driver of PostgreSQL loaded and without."""

import sys

import asyncpg
import pytest

from app.trouble import is_passing


class TestDriverOfPostgreSQL:
    @pytest.mark.parametrize(
        "error",
        [
            asyncpg.ConnectionDoesNotExistError("gone"),
            asyncpg.InterfaceError("the connection is closed"),
            asyncpg.InternalClientError("no answer was expected"),
            asyncpg.DeadlockDetectedError("deadlock detected"),
            asyncpg.CannotConnectNowError("the database system is starting up"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_passes(self, error: Exception) -> None:
        assert is_passing(error)

    @pytest.mark.parametrize(
        "error",
        [asyncpg.UndefinedTableError("no such table"), ValueError("no"), KeyError("none")],
        ids=lambda error: type(error).__name__,
    )
    def test_does_not_pass(self, error: Exception) -> None:
        assert not is_passing(error)


class TestWithoutIt:
    @pytest.fixture(autouse=True)
    def _unloaded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "asyncpg")

    def test_what_passes_on_any_database(self) -> None:
        assert is_passing(ConnectionResetError("reset"))

    def test_what_does_not(self) -> None:
        assert not is_passing(ValueError("no"))
