"""Which trouble with a database passes, with the driver of PostgreSQL loaded and without."""

import sys

import asyncpg
import pytest

from app.errors import DatabaseBusy, OutcomeUnknown
from app.trouble import is_passing, passing_trouble_as_busy


class TestDriverOfPostgreSQL:
    @pytest.mark.parametrize(
        "error",
        [
            asyncpg.ConnectionDoesNotExistError("gone"),
            asyncpg.InterfaceError("the connection is closed"),
            asyncpg.InternalClientError("no answer was expected"),
            asyncpg.DeadlockDetectedError("deadlock detected"),
            asyncpg.CannotConnectNowError("the database system is starting up"),
            asyncpg.QueryCanceledError("statement timeout"),
            asyncpg.LockNotAvailableError("lock timeout"),
            asyncpg.TooManyConnectionsError("too many clients already"),
            asyncpg.SerializationError("could not serialize access"),
            asyncpg.CrashShutdownError("another process crashed"),
            asyncpg.TargetServerAttributeNotMatched("no host takes writes"),
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


class TestCommit:
    """Of a commit whose answer is lost nobody knows whether it took place."""

    @pytest.mark.parametrize(
        "error",
        [
            asyncpg.ConnectionDoesNotExistError("gone"),
            # A backend that is ended after it has written its commit says this as well.
            asyncpg.AdminShutdownError("terminating connection"),
            TimeoutError(),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_leaves_doubt(self, error: Exception) -> None:
        with pytest.raises(OutcomeUnknown), passing_trouble_as_busy(leaves_doubt=True):
            raise error

    @pytest.mark.parametrize(
        "error",
        [
            asyncpg.SerializationError("could not serialize access"),
            asyncpg.DeadlockDetectedError("deadlock detected"),
            asyncpg.QueryCanceledError("statement timeout"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_leaves_none(self, error: Exception) -> None:
        with pytest.raises(DatabaseBusy) as raised, passing_trouble_as_busy(leaves_doubt=True):
            raise error
        assert type(raised.value) is DatabaseBusy
