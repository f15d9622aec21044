"""What each of several workers gets of what a machine has."""

from pathlib import Path

import pytest

from app.processors import count_processors
from app.workers import share_out
from tests.conftest import make_settings


class TestShareOut:
    def test_everything_is_divided(self, tmp_path: Path) -> None:
        settings = make_settings(
            tmp_path, workers=3, hash_threads=7, hash_queue=300, max_connections=2000
        )
        shares = [share_out(settings, number) for number in (1, 2, 3)]
        assert {share.hash_threads for share in shares} == {2}
        assert {share.hash_queue for share in shares} == {100}
        assert {share.max_connections for share in shares} == {667}
        assert {share.workers for share in shares} == {3}

    @pytest.mark.parametrize("workers", [1, 2, 64])
    def test_nobody_gets_nothing(self, tmp_path: Path, workers: int) -> None:
        settings = make_settings(
            tmp_path, workers=workers, hash_threads=0, hash_queue=1, max_connections=10
        )
        share = share_out(settings, 1)
        assert share.hash_threads == max(1, count_processors() // workers)
        assert share.hash_queue == 1
        assert share.max_connections >= 1

    def test_one_makes_the_backups(self, tmp_path: Path) -> None:
        settings = make_settings(tmp_path, workers=3, backup_every=24)
        every = [share_out(settings, number).backup_every for number in (1, 2, 3)]
        assert every == [24, 0, 0]
