"""A collector of traces on loopback: it takes spans as OTLP has them, and keeps them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Span:
    """What a span said, and under which other one it stands."""

    name: str
    trace: bytes
    id: bytes
    parent: bytes
    said: dict[str, str]


class Collector:
    """Spans in the order in which they came. `text` is all that was sent, as it was."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.spans: list[Span] = []
        self.text = b""

    def take(self, body: bytes) -> None:
        self.text += body
        request = ExportTraceServiceRequest.FromString(body)
        self.spans += [
            Span(
                span.name,
                span.trace_id,
                span.span_id,
                span.parent_span_id,
                {item.key: str(_value(item.value)) for item in span.attributes},
            )
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def find(self, name: str) -> Span:
        """Return the one span with a name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def below(self, span: Span) -> list[Span]:
        return [other for other in self.spans if other.parent == span.id]


def _value(value: object) -> object:
    which = getattr(value, "WhichOneof")("value")  # noqa: B009  (protobuf makes it as it loads)
    return getattr(value, which)


@contextmanager
def run_collector() -> Iterator[Collector]:
    """Listen on a free port until the block is left."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.take(self.rfile.read(int(self.headers["Content-Length"])))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its own name)
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_address[1]}/v1/traces")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield collector
        server.shutdown()
        thread.join()
