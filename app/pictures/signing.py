"""Signatures of requests to a store that speaks S3: version 4, of the whole request and its body.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNRESERVED = "-_.~"


@dataclass(frozen=True, slots=True)
class Signer:
    """Who asks, and in which region."""

    key_id: str
    secret: str = field(repr=False)
    region: str

    def sign(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> str:
        """Return the header `authorization` for a request that has these headers.

        Their names are in lower case; `host`, `x-amz-date` and `x-amz-content-sha256` are among
        them. The path is as it is before it is quoted.
        """
        moment = headers["x-amz-date"]
        scope = f"{moment[:8]}/{self.region}/s3/aws4_request"
        names = sorted(headers)
        signed = ";".join(names)
        request = (
            method,
            quote(path, safe=f"/{_UNRESERVED}"),
            write_query(query),
            *(f"{name}:{headers[name]}" for name in names),
            "",
            signed,
            headers["x-amz-content-sha256"],
        )
        text = "\n".join((_ALGORITHM, moment, scope, digest("\n".join(request).encode())))
        signature = hmac.digest(self._derive(scope), text.encode(), "sha256").hex()
        return (
            f"{_ALGORITHM} Credential={self.key_id}/{scope},"
            f"SignedHeaders={signed},Signature={signature}"
        )

    def _derive(self, scope: str) -> bytes:
        key = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key


def write_query(query: Mapping[str, str]) -> str:
    """Write a query down as it is signed, which is a way to send it as well."""
    pairs = sorted((_quote(name), _quote(value)) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def write_moment(moment: datetime) -> str:
    """Write a moment in UTC down as `x-amz-date` does."""
    return f"{moment:%Y%m%dT%H%M%SZ}"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _quote(text: str) -> str:
    return quote(text, safe=_UNRESERVED)
