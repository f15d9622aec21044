"""What doctor says of PostgreSQL: for how many processes there is room, and if it takes writes."""

from pathlib import Path

import pytest

from app.config import Settings
from app.doctor import Finding, Verdict
from app.doctor.postgres import examine_connections
from tests import databases
from tests.conftest import make_settings
from tests.postgres import free_port

pytestmark = pytest.mark.parametrize("engine", ["postgresql"])


def found(settings: Settings, **changes: int) -> dict[str, Finding]:
    """Return what is said, by name."""
    changed = settings.model_copy(update=changes)
    return {finding.name: finding for finding in examine_connections(changed)}


def test_there_is_room(settings: Settings) -> None:
    """The tests' server takes 60, three of which are kept for its owner."""
    said = found(settings)
    assert said["connections"].value == "22 for each process, of 57: 2 fit"
    assert {finding.verdict for finding in said.values()} == {Verdict.FINE}
    assert said["version"].value[:1].isdigit()


def test_there_is_none(settings: Settings) -> None:
    said = found(settings, database_connections=56)["connections"]
    assert (said.value, said.verdict) == ("58 for each process, of 57: 0 fit", Verdict.BAD)
    assert "DATABASE_CONNECTIONS to 55" in said.advice
    assert found(settings, database_connections=55)["connections"].verdict is Verdict.FINE


def test_there_is_too_little_for_all_workers(settings: Settings) -> None:
    assert found(settings, workers=2)["connections"].verdict is Verdict.FINE
    said = found(settings, workers=3)["connections"]
    assert said.verdict is Verdict.BAD
    assert "DATABASE_CONNECTIONS to 17" in said.advice
    assert found(settings, workers=3, database_connections=17)["connections"].advice == ""


def test_no_writes(settings: Settings, postgres_server: str) -> None:
    databases.execute(postgres_server, "ALTER DATABASE test SET default_transaction_read_only = on")
    said = found(settings)["writes"]
    databases.execute(postgres_server, "ALTER DATABASE test RESET default_transaction_read_only")
    assert (said.value, said.verdict) == ("are refused", Verdict.BAD)


def test_out_of_reach(tmp_path: Path, engine: str) -> None:
    url = f"{engine}://u@127.0.0.1:{free_port()}/x"
    said = found(make_settings(tmp_path, database_url=url))["connections"]
    assert (said.value, said.verdict) == ("cannot be counted", Verdict.NOTE)
