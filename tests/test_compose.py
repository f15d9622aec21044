"""The compose file against the schema of the Compose Specification, and against the Dockerfile.

The containers themselves are run by `make image-test`.
"""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[1]
SCHEMA = json.loads((ROOT / "tests/compose/compose-spec.json").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.fixture
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def errors(document: dict[str, Any]) -> list[str]:
    """Return what the schema has against a compose file."""
    return [error.json_path for error in Draft202012Validator(SCHEMA).iter_errors(document)]


def expand(text: str, **variables: str) -> str:
    """Put variables in as Compose does: `${NAME:-default}`, defaults may hold more of them."""
    inner = re.compile(r"\$\{(\w+):-([^${}]*)\}")
    while (found := inner.search(text)) is not None:
        value = variables.get(found[1]) or found[2]
        text = text[: found.start()] + value + text[found.end() :]
    return text


class TestSchema:
    def test_compose_file_is_valid(self, compose: dict[str, Any]) -> None:
        Draft202012Validator.check_schema(SCHEMA)

        assert errors(compose) == []

    @pytest.mark.parametrize(
        ("name", "value"),
        [("read-only", True), ("ports", "8086"), ("cap_drop", "ALL"), ("depends_on", {"x": {}})],
    )
    def test_a_slip_would_show(self, compose: dict[str, Any], name: str, value: object) -> None:
        slipped = copy.deepcopy(compose)
        slipped["services"]["portfolio"][name] = value

        assert errors(slipped) != []


class TestServer:
    @pytest.fixture
    def service(self, compose: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = compose["services"]["portfolio"]
        return found

    def test_persists_in_the_image_s_volume(self, service: dict[str, Any]) -> None:
        (volume,) = re.findall(r"^VOLUME (\S+)$", DOCKERFILE, re.MULTILINE)

        assert service["volumes"] == [f"./instance:{volume}"]

    def test_runs_as_the_image_s_user(self, service: dict[str, Any]) -> None:
        (user,) = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)

        assert expand(service["user"]) == user
        assert expand(service["user"], INSTANCE_UID="1000") == "1000:10001"

    def test_can_write_to_nothing_else(self, service: dict[str, Any]) -> None:
        assert service["read_only"] is True
        assert service["tmpfs"] == ["/tmp"]  # noqa: S108  (inside the container)
        assert service["cap_drop"] == ["ALL"]
        assert "cap_add" not in service
        assert service["security_opt"] == ["no-new-privileges:true"]

    def test_has_what_is_an_extra_elsewhere(self) -> None:
        """So the settings alone decide what is used."""
        assert re.findall(r" -r (\S+)", DOCKERFILE) == [
            "requirements-build.lock",
            "requirements-postgresql.lock",
            "requirements-cache.lock",
            "requirements-tracing.lock",
        ]

    @pytest.mark.parametrize(
        ("variables", "mapping", "url"),
        [
            ({}, "127.0.0.1:8086:8086", "http://localhost:8086"),
            ({"PORT": "9000"}, "127.0.0.1:9000:8086", "http://localhost:9000"),
            (
                {"HOST": "0.0.0.0", "PUBLIC_URL": "https://api.school.org"},  # noqa: S104
                "0.0.0.0:8086:8086",
                "https://api.school.org",
            ),
        ],
    )
    def test_is_offered_where_the_settings_say(
        self, service: dict[str, Any], variables: dict[str, str], mapping: str, url: str
    ) -> None:
        (exposed,) = re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)
        environment = service["environment"]

        assert [expand(port, **variables) for port in service["ports"]] == [mapping]
        assert expand(environment["PUBLIC_URL"], **variables) == url
        assert mapping.endswith(f":{environment['PORTFOLIO_PORT']}")
        assert environment["PORTFOLIO_PORT"] == exposed


class TestInstance:
    def test_is_handed_over_before_the_server_starts(self, compose: dict[str, Any]) -> None:
        server, handover = compose["services"]["portfolio"], compose["services"]["instance"]

        assert server["depends_on"]["instance"]["condition"] == "service_completed_successfully"
        assert handover["volumes"] == server["volumes"]
        assert [expand(word) for word in handover["command"]] == [
            *("chown", "-R"),
            expand(server["user"]),
            "instance",
        ]

    def test_has_no_more_rights_than_that_takes(self, compose: dict[str, Any]) -> None:
        handover = compose["services"]["instance"]

        assert handover["cap_drop"] == ["ALL"]
        assert handover["cap_add"] == ["CHOWN", "DAC_READ_SEARCH"]
        assert handover["network_mode"] == "none"
        assert "ports" not in handover
