"""`/metrics` of a real server: who its peers are, and what the system says of its process."""

import httpx
import pytest

from tests import exposition
from tests.server.conftest import Start

pytestmark = pytest.mark.process

TOKEN = "k7Xq2vN9-bT4wZ_8mJ1sR5yL3cH6pF0d"


def test_of_a_real_server(start: Start) -> None:
    server = start(METRICS_TOKEN=TOKEN, TRUSTED_PROXIES="127.0.0.1")
    with httpx.Client(base_url=server.url) as client:
        for _ in range(20):
            client.get("/healthz")
        found = exposition.read(client.get("/metrics").text)
        labels = {"method": "GET", "route": "/healthz", "status": "2xx"}
        assert found.value("portfolio_http_requests_total", **labels) == 20
        name = "portfolio_http_request_duration_seconds"
        assert 0 < (found.value(name, "_sum", route="/healthz") or 0) < 20
        assert (found.value("process_open_fds") or 0) > 5
        for told in ("127.0.0.1", "::1", "192.0.2.7"):
            passed_on = {"X-Forwarded-For": told}
            assert client.get("/metrics", headers=passed_on).status_code == 404
            passed_on["Authorization"] = f"Bearer {TOKEN}"
            assert client.get("/metrics", headers=passed_on).status_code == 200
