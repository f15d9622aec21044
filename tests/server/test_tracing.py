"""Traces, as a collector gets them from a real server; and that without one nothing is traced."""

import socket
from pathlib import Path

import httpx
import pytest

from app.config import Settings
from tests.collector import Collector, run_collector
from tests.people import PASSWORD
from tests.server.process import RunningServer

pytestmark = pytest.mark.process

API = "/api/v1"
SECRET = "x" * 43
PERSON = {"uid": "ada.traced", "name": "Ada Traced", "password": PASSWORD}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0{}"


def serve(folder: Path, endpoint: str, **changes: str) -> RunningServer:
    return RunningServer(folder, changes={"TRACING_ENDPOINT": endpoint, **changes})


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Collector:
    """What a collector got of a sign-up, a login, a question, a link and a path that is none."""
    with (
        run_collector() as collector,
        serve(tmp_path_factory.mktemp("traced"), collector.url) as server,
    ):
        with httpx.Client(base_url=server.url) as client:
            assert client.post(f"{API}/users", json=PERSON).status_code == 201
            login = {"uid": PERSON["uid"], "password": PASSWORD}
            assert client.post(f"{API}/auth/login", json=login).status_code == 200
            answer = client.get(f"{API}/auth/session", headers={"X-Request-ID": "asked-for-it"})
            assert answer.json()["user"]["uid"] == PERSON["uid"]
            assert client.get("/reset", params={"token": SECRET}).status_code == 404
            assert client.get(f"/{SECRET}").status_code == 404
        server.stop()
    return collector


class TestSpans:
    def test_one_for_each_request_by_its_route(self, traced: Collector) -> None:
        session = traced.find(f"GET {API}/auth/session")
        assert session.said["http.route"] == f"{API}/auth/session"
        assert session.said["http.response.status_code"] == "200"
        assert session.said["portfolio.request_id"] == "asked-for-it"
        assert traced.find(f"POST {API}/users").said["http.response.status_code"] == "201"

    def test_pieces_of_what_is_else_called_directly(self, traced: Collector) -> None:
        pieces = {span.name: span for span in traced.below(traced.find(f"GET {API}/auth/session"))}
        assert {"fastapi.dependencies", "fastapi.endpoint"} <= pieces.keys()
        called = pieces["fastapi.endpoint"].said["code.function.name"]
        assert called == "app.routers.auth.get_session"

    def test_each_dependency_by_itself(self, traced: Collector) -> None:
        (dependencies,) = [
            span
            for span in traced.below(traced.find(f"GET {API}/auth/session"))
            if span.name == "fastapi.dependencies"
        ]
        assert dependencies.said["code.function.name"] == "app.routers.auth.get_session"

    def test_no_secret(self, traced: Collector) -> None:
        assert PASSWORD.encode() not in traced.text
        assert SECRET.encode() not in traced.text
        assert b"portfolio_session" not in traced.text
        assert traced.find("GET /reset").said["url.query"] == "REDACTED"
        assert "/…" in {span.said.get("url.path") for span in traced.spans}


class TestShare:
    def test_a_stranger_does_not_decide_what_is_recorded(self, tmp_path: Path) -> None:
        with (
            run_collector() as collector,
            serve(tmp_path, collector.url, TRACING_SHARE="0.000001") as server,
        ):
            for flag in (1, 0):
                headers = {"traceparent": PARENT.format(flag)}
                httpx.get(f"{server.url}/healthz", headers=headers).raise_for_status()
            server.stop()
        assert collector.spans == []

    def test_a_trace_goes_on_where_it_came_from(self, tmp_path: Path) -> None:
        with run_collector() as collector, serve(tmp_path, collector.url) as server:
            headers = {"traceparent": PARENT.format(0)}
            httpx.get(f"{server.url}/healthz", headers=headers).raise_for_status()
            server.stop()
        assert collector.find("GET /healthz").trace.hex() == PARENT.split("-")[1]


class TestWithoutACollector:
    def test_everything_is_answered_and_stopping_takes_seconds(self, tmp_path: Path) -> None:
        with socket.socket() as silent:
            # It listens and never answers.
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces"
            with serve(tmp_path, endpoint) as server:
                for _ in range(20):
                    httpx.get(f"{server.url}/healthz").raise_for_status()
                # Which gives up after 20 seconds; a queue could take 30.
                code, _ = server.stop()
        assert code == 0


class TestOff:
    def test_by_default_whatever_the_environment_says(self, tmp_path: Path) -> None:
        """These would switch on FastAPI's telemetry by themselves."""
        with run_collector() as collector:
            endpoint = collector.url.removesuffix("/v1/traces")
            changes = {
                "FASTAPI_OTEL_AUTO_CONFIGURE": "true",
                "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.url,
            }
            with RunningServer(tmp_path, changes=changes) as server:
                httpx.get(f"{server.url}/healthz").raise_for_status()
                server.stop()
        assert collector.text == b""

    @pytest.mark.parametrize(
        "endpoint", ["localhost:4318", "ftp://collector/v1", "http://", "http://key:x@collector/v1"]
    )
    def test_what_is_no_endpoint(self, endpoint: str) -> None:
        with pytest.raises(ValueError, match="TRACING_ENDPOINT must be") as refusal:
            Settings(_env_file=None, tracing_endpoint=endpoint)
        assert "key:x" not in str(refusal.value)
