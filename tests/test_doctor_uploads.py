"""`portfolio doctor` on the place of the pictures, where the settings name one."""

from pathlib import Path

import pytest

from app.doctor import Verdict
from app.pictures.store import MARK
from tests.test_doctor import findings, quiet

pytestmark = pytest.mark.process


class TestUploads:
    @pytest.mark.parametrize(
        ("mode", "verdict", "advice"),
        [
            (0o700, Verdict.NOTE, "not marked"),
            (0o770, Verdict.NOTE, "not marked"),
            (0o755, Verdict.BAD, "chmod o-rwx"),
            (0o777, Verdict.BAD, "Anybody can take pictures"),
        ],
    )
    def test_a_folder(self, tmp_path: Path, mode: int, verdict: Verdict, advice: str) -> None:
        shared = tmp_path / "shared"
        shared.mkdir()
        shared.chmod(mode)
        settings = quiet(tmp_path, uploads_dir=shared)
        found = findings(settings, "Files")[str(shared)]
        assert found.verdict is verdict
        assert advice in found.advice
        (shared / MARK).touch()
        found = findings(settings, "Files")[str(shared)]
        assert found.verdict is (Verdict.FINE if verdict is Verdict.NOTE else verdict)

    def test_none(self, tmp_path: Path) -> None:
        settings = quiet(tmp_path, uploads_dir=tmp_path / "missing")
        found = findings(settings, "Files")[str(tmp_path / "missing")]
        assert (found.verdict, found.value) == (Verdict.BAD, "cannot be used")
