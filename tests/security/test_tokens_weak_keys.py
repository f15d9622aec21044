"""A server that would sign with a key that others know, or could guess, does not start.

Which keys are refused is in tests/test_config.py; here it is the program that refuses them, in
production and elsewhere, by either name of the setting, without a trace of the key.
"""

from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import cli
from tests.server.process import run_command

PUBLIC = {"PUBLIC_URL": "https://portfolio.example", "TRUSTED_PROXIES": "127.0.0.1"}
WEAK = ["secret", "your-256-bit-secret" * 2, "q7" * 40, "k7Xq2vN9-bT4wZ_8mJ1sR5yL3"]


def refused(key: str, code: int, stdout: str, stderr: str) -> None:
    assert code == 1
    assert stderr.startswith("SECRET_KEY must be at least 32 random characters."), stderr
    assert key not in (stdout + stderr).replace("secrets.token", "").split()
    assert not Path("instance").exists()


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class TestRefusesToStart:
    @pytest.mark.parametrize("environment", ["production", "development"])
    @pytest.mark.parametrize("name", ["SECRET_KEY", "PORTFOLIO_SECRET_KEY"])
    @pytest.mark.parametrize("key", WEAK)
    def test_with_a_weak_key(self, name: str, key: str, environment: str) -> None:
        settings = {name: key, "ENVIRONMENT": environment, **PUBLIC}
        done = CliRunner().invoke(cli, ["serve"], env=settings)
        refused(key, done.exit_code, done.stdout, done.stderr)

    def test_as_a_process_of_its_own(self, tmp_path: Path) -> None:
        key = WEAK[1]
        done = run_command(tmp_path, "serve", SECRET_KEY=key, ENVIRONMENT="production", **PUBLIC)
        refused(key, done.returncode, done.stdout, done.stderr)
