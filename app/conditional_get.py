"""Pages that a browser has already: answered 304, without their text (RFC 9110, section 13.1.2)."""

import hashlib
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Data, which no browser keeps.
_NEVER_KEPT = "/api/"


class ConditionalGet:
    """Answers 304 where a page has not changed since the browser saw it (RFC 9110, 13.1.2).

    Only whole bodies of pages and of the API document are compared; anything marked `no-store`, or
    sent in several pieces, passes untouched.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_read = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}
        if not is_read or scope["path"].startswith(_NEVER_KEPT):
            await self.app(scope, receive, send)
            return
        start: Message | None = None

        async def send_wrapper(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_comparable(message):
                start = message
                return
            if start is not None:
                if not message.get("more_body", False):
                    message = _tag(start, message, scope)
                await send(start)
                start = None
            await send(message)

        await self.app(scope, receive, send_wrapper)


def _is_comparable(start: Message) -> bool:
    headers = dict(start["headers"])
    is_kept = b"no-cache" in headers.get(b"cache-control", b"")
    return is_kept and start["status"] == HTTPStatus.OK and b"etag" not in headers


def _tag(start: Message, body: Message, scope: Scope) -> Message:
    known = Headers(scope=scope).get("if-none-match", "")
    tag = f'W/"{hashlib.blake2b(body.get("body", b""), digest_size=12).hexdigest()}"'
    headers = MutableHeaders(scope=start)
    headers["ETag"] = tag
    # Compared weakly (RFC 9110, section 13.1.2): with or without the W/.
    tags = [part.strip().removeprefix("W/") for part in known.split(",")]
    if "*" not in tags and tag.removeprefix("W/") not in tags:
        return body
    start["status"] = 304
    del headers["content-length"]
    return {"type": "http.response.body", "body": b""}
