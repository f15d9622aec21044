"""kill -9 at any moment, under mixed writes: nothing acknowledged is lost, nothing is half done.

`make chaos` does it 500 times on each database.
"""

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests import postgres
from tests.conftest import missing
from tests.crash.instance import Crashes, wait_until_ready
from tests.crash.places import kill, lasting_cluster

pytestmark = pytest.mark.process


@pytest.fixture
def count(request: pytest.FixtureRequest) -> int:
    found: int = request.config.getoption("--crashes")
    return found


def report(crashes: Crashes, record: Callable[[str, object], None]) -> None:
    """Note what was seen, for whoever wants to know; check that it was something."""
    seconds = sorted(crashes.seconds)
    record("acknowledged", crashes.ledger.acknowledged)
    record("in doubt", crashes.ledger.doubted)
    record("ready, median", round(seconds[len(seconds) // 2], 2))
    record("ready, longest", round(seconds[-1], 2))
    print(  # noqa: T201  (with -s, and in `make chaos`)
        f"\n{len(seconds)} starts, ready after {seconds[len(seconds) // 2]:.2f} s (longest "
        f"{seconds[-1]:.2f} s); {crashes.ledger.acknowledged} operations acknowledged, "
        f"{crashes.ledger.doubted} in doubt"
    )
    assert crashes.ledger.acknowledged > len(seconds)
    assert crashes.ledger.doubted


async def test_sqlite(
    tmp_path: Path,
    chance: random.Random,
    count: int,
    record_property: Callable[[str, object], None],
) -> None:
    crashes = Crashes(tmp_path, chance)
    await crashes.prepare()
    crashes.start()
    try:
        for _ in range(count):
            await crashes.crash(crashes.server.kill)
            crashes.restart()
            await crashes.check(is_alone=True)
    finally:
        crashes.server.close()
    report(crashes, record_property)


async def test_postgresql(
    tmp_path: Path,
    chance: random.Random,
    count: int,
    record_property: Callable[[str, object], None],
) -> None:
    """The server is killed, or PostgreSQL is and comes back: then the server goes on."""
    binaries = postgres.find_binaries()
    if binaries is None:
        missing("PostgreSQL is not installed")
        return
    with lasting_cluster(binaries) as cluster:
        crashes = Crashes(tmp_path, chance, database_url=f"{cluster.address}/postgres")
        await crashes.prepare()
        crashes.start()
        try:
            for number in range(count):
                if number % 4 == 3:
                    await crashes.crash(partial(kill, cluster))
                    cluster.start()
                    wait_until_ready(crashes.server.url)
                else:
                    await crashes.crash(crashes.server.kill)
                    crashes.restart()
                await crashes.check(is_alone=False)
        finally:
            crashes.server.close()
    report(crashes, record_property)
