"""The file: what is taken for a backup. Nothing in it decides where anything is written."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.backups.archive import MANIFEST, open_archive
from app.backups.refusals import NotABackup
from tests.backups.conftest import Instance

Parts = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture
def made(instance: Instance) -> Path:
    return instance.back_up()


def read(path: Path) -> Parts:
    parts: Parts = []
    with tarfile.open(path) as tar:
        for info in tar:
            file = tar.extractfile(info)
            assert file is not None
            parts.append((info, file.read()))
    return parts


def write(path: Path, parts: Parts) -> None:
    with tarfile.open(path, "w") as tar:
        for info, content in parts:
            tar.addfile(info, io.BytesIO(content))


def part(name: str, content: bytes = b"x", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def verify(path: Path) -> None:
    with open_archive(path) as archive:
        archive.verify(lambda _count: None)


def refusal(path: Path) -> str:
    with pytest.raises(NotABackup) as error:
        verify(path)
    assert str(path) in str(error.value)
    return str(error.value)


class TestNoBackup:
    def test_missing(self, tmp_path: Path) -> None:
        assert "There is no file" in refusal(tmp_path / "none.tar")

    @pytest.mark.parametrize("content", [b"", b"SQLite format 3\0" * 100, b"\0" * 10_240])
    def test_something_else(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "other.tar"
        path.write_bytes(content)
        assert "is no" in refusal(path)

    def test_compressed(self, tmp_path: Path, made: Path) -> None:
        path = tmp_path / "packed.tar"
        with tarfile.open(path, "w:gz") as tar:
            tar.add(made, "backup.tar")
        assert "is no backup of this program" in refusal(path)

    @pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
    def test_cut_off(self, made: Path, kept: float) -> None:
        content = made.read_bytes()
        # The end of a tar is padded: what counts ends where the manifest does.
        end = content.rindex(b"}") + 1
        made.write_bytes(content[: int(end * kept)])
        assert "whole backup" in refusal(made)

    @pytest.mark.parametrize("kept", range(1, 512, 37))
    def test_cut_off_in_its_first_line(self, made: Path, kept: int) -> None:
        made.write_bytes(made.read_bytes()[:kept])
        assert "is no" in refusal(made)


class TestStrangeParts:
    @pytest.mark.parametrize(
        "name",
        [
            "../evil.webp",
            "/etc/passwd",
            "uploads/../../evil.webp",
            f"uploads/../{'A' * 16}.webp",
            f"uploads/{'A' * 16}.webp/..",
            f"uploads/{'A' * 16}.svg",
            f"uploads/{'A' * 15}/.webp",
            f"uploads/{'A' * 16}.webp\n",
            "./database.db",
            "keys.json ",
        ],
    )
    def test_names(self, made: Path, name: str) -> None:
        write(made, [*read(made), part(name)])
        assert "holds what no backup" in refusal(made)

    @pytest.mark.parametrize(
        "kind",
        [
            tarfile.SYMTYPE,
            tarfile.LNKTYPE,
            tarfile.DIRTYPE,
            tarfile.FIFOTYPE,
            tarfile.CHRTYPE,
            tarfile.GNUTYPE_SPARSE,
            tarfile.CONTTYPE,
        ],
    )
    def test_kinds(self, made: Path, kind: bytes) -> None:
        strange = part("keys.json", b"", type=kind, linkname="/etc/passwd")
        write(made, [strange, *read(made)])
        assert "is no whole backup" in refusal(made) or "holds what no backup" in refusal(made)

    def test_two_of_one_name(self, made: Path) -> None:
        parts = read(made)
        write(made, [*parts, parts[-2]])
        assert "two parts of one name" in refusal(made)

    def test_one_that_is_not_listed(self, made: Path) -> None:
        write(made, [part("keys.json"), *read(made)])
        assert "parts are missing or others" in refusal(made)

    def test_one_that_is_missing(self, made: Path) -> None:
        write(made, read(made)[1:])
        assert "parts are missing or others" in refusal(made)


class TestTampered:
    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_a_byte(self, made: Path, place: int) -> None:
        parts = read(made)
        info, content = parts[place]
        parts[place] = (info, content[:-1] + bytes([content[-1] ^ 1]))
        write(made, parts)
        assert f"{info.name} is not as it was" in refusal(made)

    @pytest.mark.parametrize(
        "change",
        [
            lambda said: said.update(form="portfolio-backup-2"),
            lambda said: said.update(surprise=1),
            lambda said: said.update(engine="mysql"),
            lambda said: said.update(made_at="2026-11-24T12:00:00"),
            lambda said: said.pop("revision"),
            lambda said: said["members"]["database.db"].update(size="12"),
        ],
        ids=["form", "surprise", "engine", "made at", "revision", "size"],
    )
    def test_what_it_says_of_itself(
        self, made: Path, change: Callable[[dict[str, Any]], None]
    ) -> None:
        *parts, (_, content) = read(made)
        said = json.loads(content)
        change(said)
        write(made, [*parts, part(MANIFEST, json.dumps(said).encode())])
        assert "cannot read" in refusal(made)

    def test_no_database_of_its_engine(self, made: Path) -> None:
        *parts, (_, content) = read(made)
        said = {**json.loads(content), "engine": "postgresql"}
        write(made, [*parts, part(MANIFEST, json.dumps(said).encode())])
        assert "parts are missing or others" in refusal(made)


def test_whole(made: Path) -> None:
    verify(made)
    with open_archive(made) as archive:
        assert archive.manifest.engine == "sqlite"
        assert not archive.manifest.has_keys
        assert len(archive.manifest.pictures) == 2
