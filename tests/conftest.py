"""What every test may ask for: settings, a migrated database of its own, a client, people.

Migrations run once for each engine and make a template, which each test gets a copy of; on
PostgreSQL the copy is emptied and used again. Commits and constraints are real. Password hashes are
made cheap here and nowhere else.
"""

import os
import shutil
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
from fastapi import FastAPI
from hypothesis.configuration import set_hypothesis_home_dir

from app import migrations
from app.config import Settings
from app.db import Database
from app.keys import KeyRing, new_key
from app.main import create_app
from app.models import utc_now
from app.resources import Resources
from tests import caches, canary, databases, loopback, measuring, postgres, units
from tests.caches import CacheServer
from tests.databases import SharedDatabase, copy_instance
from tests.people import People

IS_CI = os.environ.get("CI") == "true"  # noqa: TID251  (not a setting of the application)
BASE_URL = "http://localhost:8086"

# The same examples in every run, so that a test fails for what was changed; `make fuzz` takes the
# other profile, which looks for what nobody thought of and prints how to see it again.
set_hypothesis_home_dir(Path(__file__).parents[1] / ".pytest_cache" / "hypothesis")
_SLOW = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture]
hypothesis.settings.register_profile(
    "ci", derandomize=True, database=None, deadline=None, suppress_health_check=_SLOW
)
hypothesis.settings.register_profile(
    "fuzz",
    max_examples=20_000,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=_SLOW,
)
hypothesis.settings.load_profile("ci")
canary.watch()
databases.share_statements()
loopback.stay_here()
units.watch()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--races", type=int, default=3, help="Rounds of each race; make races has 100."
    )
    parser.addoption(
        "--crashes", type=int, default=30, help="Crashes of each kind; make chaos has 500."
    )
    parser.addoption(
        "--writing", type=float, default=3, help="Seconds that 64 write; make chaos has 60."
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    with measuring.once(item):
        return (yield)


def pytest_itemcollected(item: pytest.Item) -> None:
    units.mark(item)


def missing(reason: str) -> None:
    """Skip where a program is not installed; in CI that is a failure."""
    if IS_CI:
        pytest.fail(f"CI must have it: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> None:
    for name in Settings.model_fields:
        for spelling in (name.upper(), f"PORTFOLIO_{name.upper()}"):
            os.environ.pop(spelling, None)  # noqa: TID251  (a test must not depend on the shell)


@pytest.fixture(autouse=True)
def _no_secret_where_none_may_be() -> Iterator[None]:
    """Fail the test that brought a secret into a log, an error, a table or a server's output."""
    canary.CANARY.begin()
    yield
    leaks = canary.CANARY.take()
    assert not leaks, leaks


@pytest.fixture(autouse=True)
def _no_unit_goes_out(request: pytest.FixtureRequest) -> Iterator[None]:
    units.take()
    yield
    gone_out = units.take()
    is_unit = request.node.get_closest_marker("unit") is not None
    assert not (is_unit and gone_out), f"{gone_out}: mark it with `process`"


def make_settings(folder: Path, **changes: Any) -> Settings:
    """Return settings for a test: nothing from `.env`, an instance of its own, cheap hashes."""
    defaults = {"instance_dir": folder, "argon2_memory_kib": 8, "argon2_time": 1, "hash_threads": 2}
    return Settings(_env_file=None, **{**defaults, **changes})


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite database."""
    settings = make_settings(tmp_path_factory.mktemp("template"))
    migrations.upgrade(settings, lambda _line: None)
    assert settings.sqlite_path is not None
    return settings.sqlite_path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a running PostgreSQL, without a database name."""
    binaries = postgres.find_binaries()
    if binaries is None:
        missing("PostgreSQL is not installed")
        return
    with postgres.cluster(binaries) as address:
        yield address


@pytest.fixture(scope="session")
def cache_program() -> str:
    """The program of a cache, which tests start for themselves where they harm it."""
    found = next(filter(None, map(caches.find_program, caches.PROGRAMS)), None)
    if found is None:
        missing("neither Redis nor Valkey is installed")
    return found or ""


@pytest.fixture(scope="session")
def cache_server(cache_program: str) -> Iterator[CacheServer]:
    """A cache that all tests share. Each has keys of its own in it."""
    with caches.running(cache_program) as server:
        yield server


@pytest.fixture
def own_server(cache_program: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[CacheServer]:
    """A cache that the test may harm. What becomes of it is noticed soon."""
    monkeypatch.setattr("app.cache.line.HEARTBEAT_SECONDS", 0.01)
    with caches.running(cache_program) as server:
        yield server


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the cache have as much time as a busy machine may need."""
    for place in ("app.cache.line.BUDGET_SECONDS", "app.shared_throttles.BUDGET_SECONDS"):
        monkeypatch.setattr(place, 20.0)
    for name in ("QUICK_SECONDS", "PATIENCE_SECONDS"):
        monkeypatch.setattr(f"app.cache.line.{name}", 20.0)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a migrated, empty database, of which tests use a copy."""
    url = databases.create(postgres_server, "template_migrated")
    settings = make_settings(tmp_path_factory.mktemp("pg"), database_url=url)
    migrations.upgrade(settings, lambda _line: None)
    return settings


@pytest.fixture(scope="session")
def postgres_database(postgres_template: Settings) -> Iterator[SharedDatabase]:
    """The copy, which tests use one after the other."""
    with SharedDatabase(postgres_template, "test") as database:
        yield database


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """The name of the database engine; a test that asks for it runs on both."""
    return str(request.param)


@pytest.fixture
def settings_changes() -> dict[str, Any]:
    """Settings that differ in a test; override with `@pytest.mark.parametrize`."""
    return {}


@pytest.fixture
def settings(
    engine: str,
    settings_changes: dict[str, Any],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Settings]:
    """Settings of an instance with keys and an empty database of this test's own."""
    KeyRing((new_key(utc_now()),)).write(tmp_path / "keys.json")
    if engine == "sqlite":
        origin: Path = request.getfixturevalue("sqlite_template")
        copy_instance(origin, tmp_path)
        yield make_settings(tmp_path, **settings_changes)
        canary.CANARY.check_sqlite(tmp_path / "portfolio.db", origin.read_bytes())
        return
    database: SharedDatabase = request.getfixturevalue("postgres_database")
    shutil.copy(database.keys_path, tmp_path)
    yield make_settings(tmp_path, database_url=database.url, **settings_changes)
    database.empty()


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """The running application."""
    application = create_app(settings)
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
def resources(app: FastAPI) -> Resources:
    found: Resources = app.state.resources
    return found


@pytest.fixture
async def elsewhere(settings: Settings) -> AsyncIterator[Database]:
    """The same database, as another process has it."""
    database = Database(settings)
    yield database
    await database.dispose()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A visitor: an HTTP client with its own cookie jar, talking to the application directly."""
    async with new_client(app) as visitor:
        yield visitor


def new_client(app: FastAPI, **options: Any) -> httpx.AsyncClient:
    """Return another visitor."""
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url=BASE_URL, **options)


@pytest.fixture
async def people(app: FastAPI) -> AsyncIterator[People]:
    """A maker of accounts and of clients that are logged in as them."""
    async with People(app) as maker:
        yield maker
