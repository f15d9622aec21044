"""The file of a backup: an uncompressed tar of the database, the pictures and what is said of them.

Pictures are compressed already, and from a tar that is not the database can be taken with any
program, at once, even if another part is damaged. The manifest comes last and names every member
with its size and SHA-256, so a file that was cut off has none. Only names of our own making are
taken from a tar, and only plain files: nothing in it decides where anything is written.
"""

import hashlib
import io
import os
import re
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, BinaryIO, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from app.backups.pacing import PIECE_BYTES, settle
from app.backups.refusals import NotABackup
from app.progress import Advance

Engine = Literal["sqlite", "postgresql"]

MANIFEST = "manifest.json"
DATABASES: dict[Engine, str] = {"sqlite": "database.db", "postgresql": "database.dump"}
KEYS = ("keys.json", "audit-keys.json")
PICTURES = "uploads/"
_PICTURE = re.compile(r"uploads/[A-Za-z0-9_-]{16,32}\.webp")
# A hundred thousand pictures need an eighth of it.
_MOST_MANIFEST_BYTES = 128 * 2**20
_CHUNK = 2**20
_UNREADABLE = (OSError, tarfile.TarError, ValueError, OverflowError, EOFError)


class Member(BaseModel):
    """What was put in."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    size: int
    sha256: str


class Manifest(BaseModel):
    """What a backup says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: Literal["portfolio-backup-1"] = "portfolio-backup-1"
    program: str
    revision: str
    engine: Engine
    reason: str
    made_at: AwareDatetime
    members: dict[str, Member]

    @property
    def has_keys(self) -> bool:
        return any(name in self.members for name in KEYS)

    @property
    def pictures(self) -> list[str]:
        """Names of the files of pictures, without a folder."""
        found = sorted(name for name in self.members if name.startswith(PICTURES))
        return [name.removeprefix(PICTURES) for name in found]


class Writer:
    """Writes a backup from its first byte to its last."""

    def __init__(self, file: BinaryIO) -> None:
        self.members: dict[str, Member] = {}
        self._file = file
        self._unsettled = 0
        self._tar = tarfile.TarFile(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, name: str, path: Path, advance: Advance) -> None:
        """Put a file in.

        Raises:
            OSError: it cannot be read, it became shorter, or there is no room.
        """
        with path.open("rb") as source:
            status = os.fstat(source.fileno())
            info = _describe(name, status.st_size, int(status.st_mtime))
            reader = _Hashing(source, self._settling(advance))
            self._tar.addfile(info, reader)
        self.members[name] = Member(size=info.size, sha256=reader.sha256.hexdigest())

    def finish(self, manifest: Manifest) -> None:
        """Put the manifest in, and have all of it on the disk."""
        text = manifest.model_dump_json(indent=1).encode()
        info = _describe(MANIFEST, len(text), int(manifest.made_at.timestamp()))
        self._tar.addfile(info, io.BytesIO(text))
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())

    def _settling(self, advance: Advance) -> Advance:
        def look(count: int) -> None:
            advance(count)
            self._unsettled += count
            if self._unsettled >= PIECE_BYTES:
                self._unsettled = 0
                self._file.flush()
                settle(self._file.fileno())

        return look


def _describe(name: str, size: int, changed_at: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, changed_at, 0o600
    return info


class _Hashing:
    """A file that is read once, with the digest of what was read."""

    def __init__(self, file: IO[bytes], advance: Advance) -> None:
        self.sha256 = hashlib.sha256()
        self._file = file
        self._advance = advance

    def read(self, size: int = -1, /) -> bytes:
        chunk = self._file.read(size)
        self.sha256.update(chunk)
        self._advance(len(chunk))
        return chunk


class Archive:
    """A backup that is open. Nothing of it was believed but its names and its manifest."""

    def __init__(self, path: Path, tar: tarfile.TarFile) -> None:
        self._path = path
        self._tar = tar
        self._found = self._list()
        self.manifest = self._read_manifest()
        sizes = {name: info.size for name, info in self._found.items() if name != MANIFEST}
        said = {name: member.size for name, member in self.manifest.members.items()}
        if sizes != said or DATABASES[self.manifest.engine] not in said:
            raise self._refusal("is not as it was when it was made: parts are missing or others")

    def _list(self) -> dict[str, tarfile.TarInfo]:
        found: dict[str, tarfile.TarInfo] = {}
        for info in self._tar:
            is_ours = info.name in {MANIFEST, *DATABASES.values(), *KEYS}
            is_plain = info.type == tarfile.REGTYPE and not info.issparse()
            if not (is_ours or _PICTURE.fullmatch(info.name)) or not is_plain:
                raise self._refusal("holds what no backup of this program holds")
            if info.name in found:
                raise self._refusal("holds two parts of one name")
            found[info.name] = info
        return found

    def _read_manifest(self) -> Manifest:
        info = self._found.get(MANIFEST)
        if info is None or info.size > _MOST_MANIFEST_BYTES:
            raise self._refusal(
                "is no whole backup: what it says of itself, at its end, is missing"
            )
        try:
            return Manifest.model_validate_json(self._open(MANIFEST).read())
        except ValidationError as error:
            raise self._refusal("says of itself what this program cannot read") from error

    def verify(self, advance: Advance) -> None:
        """Read all of it and compare.

        Raises:
            NotABackup: a part is not as it was.
        """
        for name in self.manifest.members:
            for _ in self._chunks(name, advance):
                pass

    def extract(self, name: str, target: Path, advance: Advance) -> None:
        """Write a part to a new file of this user's alone, and to the disk.

        Raises:
            NotABackup: it is not as it was.
            OSError: it cannot be written.
        """
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in self._chunks(name, advance):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())

    def _chunks(self, name: str, advance: Advance) -> Iterator[bytes]:
        reader = _Hashing(self._open(name), advance)
        while True:
            try:
                chunk = reader.read(_CHUNK)
            except _UNREADABLE as error:
                raise self._refusal("cannot be read to its end") from error
            if not chunk:
                break
            yield chunk
        if reader.sha256.hexdigest() != self.manifest.members[name].sha256:
            raise self._refusal(f"is damaged: {name} is not as it was when it was made")

    def _open(self, name: str) -> IO[bytes]:
        file = self._tar.extractfile(self._found[name])
        if file is None:  # not with plain files
            raise self._refusal(f"has nothing in {name}")
        return file

    def _refusal(self, what: str) -> NotABackup:
        return NotABackup(f"{self._path} {what}.")


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a backup.

    Raises:
        NotABackup: it is none, or not whole.
    """
    try:
        tar = tarfile.TarFile(path)
    except FileNotFoundError as error:
        raise NotABackup(f"There is no file {path}.") from error
    except _UNREADABLE as error:
        raise NotABackup(f"{path} is no backup of this program.") from error
    with closing(tar):
        try:
            archive = Archive(path, tar)
        except _UNREADABLE as error:
            raise NotABackup(f"{path} is no whole backup: it cannot be read to its end.") from error
        yield archive
