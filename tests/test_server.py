"""What a server says when it has started."""

import asyncio
from pathlib import Path

import pytest

from app.config import Settings
from app.models import utc_now
from app.seals import make_seal_key
from app.server import make_greeting, take_port
from app.startup import CannotStart, make_setup_link
from tests.conftest import make_settings
from tests.server.raw import is_open


@pytest.mark.process
class TestPort:
    def test_on_sqlite_who_comes_early_waits(self, tmp_path: Path) -> None:
        with take_port(make_settings(tmp_path, port=0)) as listener:
            assert is_open(listener.getsockname()[1])

    def test_on_postgresql_who_comes_early_goes_elsewhere(self, tmp_path: Path) -> None:
        url = "postgresql://u@127.0.0.1:1/d"
        with take_port(make_settings(tmp_path, port=0, database_url=url)) as listener:
            port = listener.getsockname()[1]
            assert not is_open(port)
            listener.listen()
            with pytest.raises(CannotStart, match=f"Port {port} is taken"):
                take_port(make_settings(tmp_path, port=port, database_url=url))


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
class TestKeys:
    """Two servers of one database need the same."""

    def test_the_same(self, settings: Settings) -> None:
        asyncio.run(make_setup_link(settings))
        assert not any("other keys" in line for line in make_greeting(settings))

    def test_others(self, settings: Settings) -> None:
        asyncio.run(make_setup_link(settings))
        settings.audit_keys_path.unlink()
        assert make_seal_key(settings, utc_now())
        assert any("other keys" in line for line in make_greeting(settings))
