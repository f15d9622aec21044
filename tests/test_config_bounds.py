"""Settings: what each is unless it is set, and between which bounds it may be."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from app.config import Settings
from tests.test_config import GOOD_SECRET, make, refusal


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.env` is looked for in the current folder."""
    monkeypatch.chdir(tmp_path)


class TestDefaults:
    def test_are_safe_and_known(self) -> None:
        """Each is a promise of the documents; a change is a decision."""
        fields = Settings.model_fields
        assert {name: fields[name].default for name in fields if fields[name].default} == {
            "environment": "development",
            "host": "127.0.0.1",
            "port": 8086,
            "site_name": "Portfolio",
            "instance_dir": Path("instance"),
            "database_connections": 20,
            "database_connect_seconds": 3,
            "database_wait_seconds": 5,
            "database_statement_seconds": 10,
            "database_lock_seconds": 5,
            "database_idle_seconds": 60,
            "database_keepalive_seconds": 15,
            "access_token_minutes": 15,
            "cors": "on",
            "session_idle_days": 7,
            "session_max_days": 30,
            "one_time_link_hours": 48,
            "password_min_length": 12,
            "argon2_memory_kib": 19456,
            "argon2_time": 2,
            "hash_queue": 300,
            "hash_deadline_seconds": 10,
            "login_attempts": 10,
            "login_attempts_per_account": 50,
            "workers": 1,
            "stop_seconds": 10,
            "login_attempts_per_address": 150,
            "logins_per_hour": 300,
            "known_device_days": 180,
            "code_attempts_per_hour": 10,
            "second_factor": "optional",
            "signups_per_hour": 300,
            "link_attempts": 60,
            "refresh_attempts": 300,
            "posts_per_hour": 120,
            "creations_per_hour": 60,
            "changes_per_hour": 300,
            "pictures_per_hour": 20,
            "max_body_bytes": 1_048_576,
            "header_seconds": 10,
            "body_seconds": 20,
            "min_bytes_per_second": 1024,
            "max_connections": 2000,
            "legacy_api": "on",
            "password_grant": True,
            "docs": True,
            "tracing_share": 1.0,
            "log_level": "info",
            "log_format": "auto",
            "backup_every": 24,
            "backups_kept": 7,
            "backup_days": 30,
        }


class TestBounds:
    @pytest.mark.parametrize(
        ("name", "lowest", "highest"),
        [
            ("port", 0, 65535),
            ("workers", 1, 64),
            ("stop_seconds", 1, 600),
            ("stop_notice_seconds", 0, 600),
            ("access_token_minutes", 1, 60),
            ("session_idle_days", 1, 90),
            ("session_max_days", 1, 365),
            ("one_time_link_hours", 1, 336),
            ("password_min_length", 8, 64),
            ("argon2_time", 1, 20),
            ("hash_threads", 0, 64),
            ("hash_queue", 1, 10_000),
            ("hash_deadline_seconds", 1, 60),
            ("login_attempts", 1, 1000),
            ("code_attempts_per_hour", 1, 1000),
            ("login_attempts_per_account", 0, 1_000_000),
            ("login_attempts_per_address", 0, 1_000_000),
            ("known_device_days", 0, 390),
            ("signups_per_hour", 0, 1_000_000),
            ("link_attempts", 0, 1_000_000),
            ("refresh_attempts", 0, 1_000_000),
            ("posts_per_hour", 0, 1_000_000),
            ("logins_per_hour", 0, 1_000_000),
            ("changes_per_hour", 0, 1_000_000),
            ("creations_per_hour", 0, 1_000_000),
            ("pictures_per_hour", 0, 1_000_000),
            ("backup_every", 0, 8760),
            ("backups_kept", 1, 1000),
            ("backup_days", 1, 3650),
        ],
    )
    def test_both_ends(self, name: str, lowest: int, highest: int) -> None:
        assert refusal(**{name: lowest - 1}).startswith(f"{name.upper()}: ")
        assert refusal(**{name: highest + 1}).startswith(f"{name.upper()}: ")
        for value in (lowest, highest):
            assert getattr(make(**{name: value}), name) == value

    @pytest.mark.parametrize(
        ("name", "lowest"), [("argon2_memory_kib", 8), ("max_body_bytes", 1024)]
    )
    def test_lower_end(self, name: str, lowest: int) -> None:
        assert refusal(**{name: lowest - 1}).startswith(f"{name.upper()}: ")
        assert getattr(make(**{name: lowest}), name) == lowest

    @pytest.mark.parametrize("name", ["environment", "signup", "log_level", "log_format"])
    def test_one_of_a_few_words(self, name: str) -> None:
        assert refusal(**{name: "anything"}).startswith(f"{name.upper()}: Input should be ")

    def test_site_name(self) -> None:
        assert refusal(site_name="x" * 61).startswith("SITE_NAME: ")
        assert Settings(site_name="x" * 60).site_name == "x" * 60


class TestMetricsToken:
    @pytest.mark.parametrize(
        "token",
        [
            *("", GOOD_SECRET[:31], "a" * 40, "insecure" * 5, f"{GOOD_SECRET} ", f"{GOOD_SECRET}ü"),
            *(f"{GOOD_SECRET[:20]} {GOOD_SECRET[20:]}", f'{GOOD_SECRET}"'),
        ],
    )
    def test_weak_or_not_to_be_sent(self, token: str) -> None:
        assert refusal(metrics_token=token).startswith("METRICS_TOKEN must be at least 32 random")

    def test_good(self) -> None:
        settings = Settings(metrics_token=SecretStr(GOOD_SECRET))
        assert GOOD_SECRET not in f"{settings!r} {settings!s} {settings.model_dump_json()}"
