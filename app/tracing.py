"""Tracing: where the time of a request went, sent to a collector. Imported where it is asked for.

The spans are those of FastAPI's own telemetry: one for a request, and below it one each for its
dependencies, for its endpoint and for writing the answer. What they say is looked at here before it
can leave: a query may hold a one-time secret, and a path what somebody took for a token.

OpenTelemetry's SDK is the extra `tracing`: no other module imports it.
"""

from collections.abc import MutableMapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from app import __version__
from app.config import Settings
from app.observability import conceal

# A collector that does not answer in so many seconds is given up on; so is what waited for it. The
# queue holds four times what is sent at once, which bounds how long stopping takes.
_SECONDS = 2.0


class Concealing(SpanProcessor):
    """Takes out of a span what must not leave, as soon as it begins."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        del parent_context
        said = span.attributes or {}
        if "url.query" in said:
            span.set_attribute("url.query", "REDACTED")
        path = said.get("url.path")
        if isinstance(path, str):
            span.set_attribute("url.path", conceal(path))


class Tracing:
    """What makes spans and sends them; one instance for a running application."""

    def __init__(self, settings: Settings) -> None:
        self.share = settings.tracing_share
        # What has gathered towards the next request that is traced: it is due at one.
        self._due = 0.0
        self.provider = TracerProvider(
            # Of what is not left out. Whoever sends a request may name the trace it belongs to, and
            # not whether we record it.
            sampler=ALWAYS_ON,
            resource=Resource.create({"service.name": "portfolio", "service.version": __version__}),
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(endpoint=settings.tracing_endpoint, timeout=_SECONDS)
        self.provider.add_span_processor(Concealing())
        self.provider.add_span_processor(BatchSpanProcessor(exporter))

    def leaves_out(self, scope: MutableMapping[str, Any]) -> bool:
        """Whether a request is not traced; FastAPI asks before it does anything else for it."""
        del scope
        self._due += self.share
        if self._due < 1:
            return True
        self._due -= 1
        return False

    def close(self) -> None:
        """Send what waits and stop; a few seconds at most. Blocks."""
        self.provider.shutdown()
