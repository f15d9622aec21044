"""The compose file for more than one server: valid, closed to the outside, and of one mind.

tests/server/test_scale.py runs the same programs, without containers.
"""

import re
from typing import Any

import pytest
import yaml

from app.config import Settings
from app.serving import KEEP_ALIVE_SECONDS
from tests.test_compose import DOCKERFILE, ROOT, errors, expand

SERVERS = ("app1", "app2")
PASSWORD = "POSTGRES_PASSWORD:?is missing; put it into .env"
NGINX = (ROOT / "deploy/nginx.conf").read_text()


@pytest.fixture
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.scale.yml").read_text())
    return loaded


@pytest.fixture
def services(compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]
    return found


def test_is_valid(compose: dict[str, Any]) -> None:
    assert errors(compose) == []


class TestServers:
    def test_differ_in_nothing(self, services: dict[str, Any]) -> None:
        assert services["app1"] == services["app2"]

    def test_have_settings_that_fit(self, services: dict[str, Any]) -> None:
        values = {
            name.removeprefix("PORTFOLIO_").lower(): expand(str(value)).replace(
                f"${{{PASSWORD}}}", "secret"
            )
            for name, value in services["app1"]["environment"].items()
        }
        known = {name: value for name, value in values.items() if name in Settings.model_fields}
        settings = Settings.model_validate(
            {
                **known,
                "_env_file": None,
                "environment": "production",
                "public_url": "https://api.school.org",
            }
        )
        assert settings.sqlite_path is None
        assert settings.workers == 2

    def test_share_what_survives(self, services: dict[str, Any]) -> None:
        (volume,) = re.findall(r"^VOLUME (\S+)$", DOCKERFILE, re.MULTILINE)
        for name in (*SERVERS, "migrate", "instance"):
            assert services[name]["volumes"] == [f"./instance:{volume}"]

    def test_believe_the_network_that_nginx_is_in(self, compose: dict[str, Any]) -> None:
        (config,) = compose["networks"]["front"]["ipam"]["config"]
        assert compose["services"]["app1"]["environment"]["TRUSTED_PROXIES"] == config["subnet"]
        assert compose["services"]["nginx"]["networks"] == ["front"]

    def test_start_when_everything_is_made(self, services: dict[str, Any]) -> None:
        done, healthy = "service_completed_successfully", "service_healthy"
        for name in SERVERS:
            assert services[name]["depends_on"] == {"migrate": {"condition": done}}
            assert services["nginx"]["depends_on"][name] == {"condition": healthy}
        assert services["migrate"]["depends_on"]["database"] == {"condition": healthy}
        assert services["migrate"]["command"] == ["portfolio", "migrate"]

    def test_have_the_time_to_finish(self, services: dict[str, Any]) -> None:
        defaults = {name: field.default for name, field in Settings.model_fields.items()}
        for name in SERVERS:
            assert services[name]["stop_signal"] == "SIGTERM"
            grace = int(services[name]["stop_grace_period"].removesuffix("s"))
            assert grace > defaults["stop_seconds"] + defaults["stop_notice_seconds"] + 5


class TestAll:
    def test_have_no_right_that_they_do_not_need(self, services: dict[str, Any]) -> None:
        for name, service in services.items():
            assert service["security_opt"] == ["no-new-privileges:true"], name
            if name != "database":  # begins as root, and gives its folder to its user
                assert service["cap_drop"] == ["ALL"], name
                assert service["read_only"] is True, name
                assert "user" in service, name

    def test_only_nginx_can_be_reached(self, services: dict[str, Any]) -> None:
        offered = {
            name: service["ports"] for name, service in services.items() if "ports" in service
        }
        assert offered.keys() == {"nginx"}
        (mapping,) = offered["nginx"]
        assert expand(mapping) == "127.0.0.1:8086:8080"
        assert "listen 8080;" in NGINX

    def test_database_is_on_a_network_without_a_way_out(self, compose: dict[str, Any]) -> None:
        assert compose["networks"]["inside"] == {"internal": True}
        for name in ("database", "cache"):
            assert compose["services"][name]["networks"] == ["inside"]

    def test_say_whether_they_are_well(self, services: dict[str, Any]) -> None:
        for name in (*SERVERS, "nginx", "database", "cache"):
            assert "test" in services[name]["healthcheck"], name

    def test_no_password_stands_here(self, services: dict[str, Any]) -> None:
        assert services["database"]["environment"]["POSTGRES_PASSWORD"] == f"${{{PASSWORD}}}"
        url = services["app1"]["environment"]["PORTFOLIO_DATABASE_URL"]
        assert f":${{{PASSWORD}}}@" in url


class TestNginx:
    def test_closes_idle_connections_before_a_server_does(self) -> None:
        (seconds,) = re.findall(r"keepalive_timeout (\d+)s;", NGINX)
        assert int(seconds) < KEEP_ALIVE_SECONDS

    def test_knows_each_server(self, services: dict[str, Any]) -> None:
        nodes = (ROOT / "deploy/nodes.conf").read_text()
        port = services["app1"]["environment"]["PORTFOLIO_PORT"]
        assert re.findall(r"^server (\S+) resolve", nodes, re.MULTILINE) == [
            f"{name}:{port}" for name in SERVERS
        ]

    def test_has_its_files(self, services: dict[str, Any]) -> None:
        for volume in services["nginx"]["volumes"]:
            here, _, _ = volume.partition(":")
            assert (ROOT / here).is_file()
