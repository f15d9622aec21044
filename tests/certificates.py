"""Certificates for tests: authorities of their own, and what they vouch for. Made by openssl."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """Two files: the certificate, and the key that belongs to it."""

    cert: Path
    key: Path


def find_openssl() -> str | None:
    """Return the program, if it is installed."""
    return shutil.which("openssl")


def make_authority(openssl: str, folder: Path, name: str) -> Certificate:
    """Make an authority."""
    return _make(openssl, folder, name, f"/CN={name}", "basicConstraints=critical,CA:TRUE")


def vouch(
    openssl: str, authority: Certificate, name: str, *, alternative: str = "DNS:unused.invalid"
) -> Certificate:
    """Make a certificate in the name of somebody, beside its authority's.

    `alternative` says as whom a server may answer.
    """
    return _make(
        *(openssl, authority.cert.parent, f"{authority.cert.stem}-{name}", f"/CN={name}"),
        *(f"subjectAltName={alternative}", "-CA", str(authority.cert)),
        *("-CAkey", str(authority.key)),
    )


def _make(
    openssl: str, folder: Path, stem: str, subject: str, extension: str, *more: str
) -> Certificate:
    made = Certificate(folder / f"{stem}.crt", folder / f"{stem}.key")
    subprocess.run(  # noqa: S603  (Debian's openssl)
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", subject, "-addext", extension),
            *("-out", str(made.cert), "-keyout", str(made.key), *more),
        ],
        check=True,
        capture_output=True,
    )
    made.key.chmod(0o600)
    return made
