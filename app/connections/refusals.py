"""Answers that a connection gives by itself, without the application."""

import json
from http import HTTPStatus

from app.errors import AppError
from app.middleware import security_headers


def write_answer(error: AppError, *, is_https: bool) -> bytes:
    """Return a whole answer, after which the connection ends (RFC 9457, RFC 9112)."""
    content = json.dumps(
        {
            "type": f"/problems#{error.slug}",
            "title": error.title,
            "status": error.status,
            "detail": error.detail,
        }
    ).encode()
    headers = {
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(content)),
        "Connection": "close",
        **security_headers(is_https=is_https),
        **error.headers,
    }
    lines = [f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content
