"""What a running application holds open, and that it is let go of."""

from pathlib import Path

import pytest

from app.config import Settings
from app.keys import KeyRing
from app.resources import load_key_ring, open_resources
from tests.conftest import make_settings

SECRET = "k7Xq2vN9-bT4wZ_8mJ1sR5yL3cH6pF0d"


class TestKeyRing:
    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            load_key_ring(make_settings(tmp_path))

    def test_of_the_instance(self, settings: Settings) -> None:
        assert load_key_ring(settings).keys == KeyRing.read(settings.keys_path).keys

    def test_a_secret_of_ones_own_goes_before_it(self, settings: Settings) -> None:
        chosen = make_settings(settings.instance_dir, secret_key=SECRET)
        assert load_key_ring(chosen).keys == KeyRing.from_secret(SECRET).keys


class TestOpen:
    async def test_lets_go_of_everything_when_it_cannot(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            async with open_resources(make_settings(tmp_path)):
                pytest.fail("opened without keys")

    async def test_hashing_ends_with_it(self, settings: Settings) -> None:
        async with open_resources(settings) as resources:
            await resources.database.ping()
        with pytest.raises(RuntimeError, match="shutdown"):
            await resources.hasher.hash("correct horse battery")
