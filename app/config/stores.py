"""What UPLOADS_URL says of the way to a store that speaks S3, and of what it is asked for."""

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from app.config.addresses import read_words, write_host
from app.hosts import is_loopback

USUAL_REGION = "us-east-1"
_SCHEMES = {"s3+https": True, "s3+http": False}
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_FOLDER = re.compile(r"(?:[A-Za-z0-9_-]+/)*")
_REGION = re.compile(r"[a-z0-9-]+")
_WORDS = frozenset({"region", "ca"})


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """Where the store is, the bucket and the folder in it, which ends in a slash or is empty."""

    is_encrypted: bool
    host: str
    port: int | None
    bucket: str
    folder: str
    region: str
    key_id: str = field(repr=False)
    secret: str = field(repr=False)
    # A file of certificate authorities, where those of this machine do not know the store.
    ca: str | None

    @property
    def is_unverified(self) -> bool:
        """Whether it is on another machine that need not prove itself."""
        return not (self.is_encrypted or is_loopback(self.host))

    @property
    def netloc(self) -> str:
        host = write_host(self.host)
        return host if self.port is None else f"{host}:{self.port}"

    def __str__(self) -> str:
        """Write it down without keys."""
        scheme = "s3+https" if self.is_encrypted else "s3+http"
        return f"{scheme}://{self.netloc}/{self.bucket}/{self.folder}"


def read_store_address(url: str) -> StoreAddress:
    """Take the address of a store apart.

    Raises:
        ValueError: it is none. The message shows nothing of it.
    """
    try:
        return _read(urlsplit(url))
    except (ValueError, KeyError):
        sentence = (
            "UPLOADS_URL is s3+https://key:secret@host/bucket?region=name. What is no letter and "
            "no digit in the key and the secret is written as %2F."
        )
        raise ValueError(sentence) from None


def _read(parts: SplitResult) -> StoreAddress:
    words = read_words(parts)
    bucket, _, folder = parts.path.removeprefix("/").rstrip("/").partition("/")
    folder = f"{folder}/" if folder else ""
    region = words.get("region", USUAL_REGION)
    patterns = ((_BUCKET, bucket), (_FOLDER, folder), (_REGION, region))
    is_whole = parts.hostname and parts.username and parts.password and not parts.fragment
    is_known = words.keys() <= _WORDS and words.get("ca") != ""
    if not (is_whole and is_known and all(form.fullmatch(text) for form, text in patterns)):
        raise ValueError
    return StoreAddress(
        is_encrypted=_SCHEMES[parts.scheme],
        host=parts.hostname or "",
        port=parts.port,
        bucket=bucket,
        folder=folder,
        region=region,
        key_id=unquote(parts.username or ""),
        secret=unquote(parts.password or ""),
        ca=words.get("ca"),
    )
