"""A request that is traced goes FastAPI's whole way, and is answered what the short one answers."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor

from tests.collector import run_collector
from tests.people import People
from tests.wire import ONE_ENGINE

pytestmark = [ONE_ENGINE, pytest.mark.process]
ASKED = [
    ("GET", "/api/v1/auth/session"),
    ("GET", "/api/v1/users/me"),
    ("GET", "/api/v1/users?limit=1"),
    ("GET", "/api/v1/users/nobody"),
    ("GET", "/api/v1/users?limit=none"),
    ("GET", "/api/id"),
    ("GET", "/"),
    ("HEAD", "/account"),
    ("GET", "/nowhere"),
    ("PUT", "/api/v1/auth/session"),
    ("OPTIONS", "/api/v1/auth/session"),
    ("PATCH", "/api/v1/users/me"),
]


class Watching(SpanProcessor):
    """Notes the names of spans as they begin."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        del parent_context
        self.names.append(span.name)


@pytest.fixture
def settings_changes() -> Iterator[dict[str, Any]]:
    with run_collector() as collector:
        yield {"tracing_endpoint": collector.url}


def said(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    own = {"x-request-id", "content-length"}
    headers = [item for item in answer.headers.multi_items() if item[0] not in own]
    request_id = answer.headers["x-request-id"].encode()
    return answer.status_code, answer.content.replace(request_id, b""), sorted(headers)


@pytest.mark.parametrize(("method", "path"), ASKED, ids=lambda text: text)
async def test_is_answered_alike(app: FastAPI, people: People, method: str, path: str) -> None:
    ada = await people.create_and_log_in("ada")
    answers = []
    for share in (1.0, 0.0):
        app.state.tracing.share = share
        answers.append(said(await ada.request(method, path)))
    assert answers[0] == answers[1]


async def test_both_ways_were_gone(app: FastAPI, people: People) -> None:
    ada = await people.create_and_log_in("ada")
    watching = Watching()
    app.state.tracing.provider.add_span_processor(watching)
    app.state.tracing.share = 1.0
    await ada.get("/api/v1/auth/session")
    traced = list(watching.names)
    assert {"fastapi.dependencies", "fastapi.endpoint"} <= set(traced)
    app.state.tracing.share = 0.0
    await ada.get("/api/v1/auth/session")
    assert watching.names == traced
