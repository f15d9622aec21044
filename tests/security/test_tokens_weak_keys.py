"""A server that would sign with a key that others know, or could guess, does not start.

Which keys are refused is in tests/test_config.py; here it is the program that refuses them, in
production and elsewhere, by either name of the setting, without a trace of the key.
"""

from pathlib import Path

import pytest

from tests.server.process import run_command

PUBLIC = {"PUBLIC_URL": "https://portfolio.example", "TRUSTED_PROXIES": "127.0.0.1"}


@pytest.mark.parametrize("name", ["SECRET_KEY", "PORTFOLIO_SECRET_KEY"])
@pytest.mark.parametrize(
    "key", ["secret", "your-256-bit-secret" * 2, "q7" * 40, "k7Xq2vN9-bT4wZ_8mJ1sR5yL3"]
)
def test_refuses_to_start(tmp_path: Path, name: str, key: str) -> None:
    for environment in ("production", "development"):
        done = run_command(tmp_path, "serve", **{name: key}, ENVIRONMENT=environment, **PUBLIC)
        assert done.returncode == 1, environment
        assert done.stderr.startswith("SECRET_KEY must be at least 32 random characters."), (
            done.stderr
        )
        assert key not in (done.stdout + done.stderr).replace("secrets.token", "").split()
        assert not (tmp_path / "instance" / "portfolio.db").exists()
