"""Searching the list of breached passwords, and which files are none."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.breaches import BreachedPasswords, NoSuchList, check_list
from tests.breached import BREACHED, hash_of, write_list

MANY = [f"password number {number}" for number in range(3000)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_list(tmp_path / "pwnedpasswords.txt", MANY)


@pytest.fixture
def breached(path: Path) -> Iterator[BreachedPasswords]:
    found = BreachedPasswords(path)
    yield found
    found.close()


class TestSearch:
    def test_finds_each_and_no_other(self, breached: BreachedPasswords) -> None:
        assert [password for password in MANY if password not in breached] == []
        others = [f"another {password}" for password in MANY]
        assert [password for password in others if password in breached] == []

    @pytest.mark.parametrize("many", [1, 2, 3])
    @pytest.mark.parametrize("line", ["{}:3\n", "{}:12345678901\r\n", "{}\n", "{}:1\n{0}:2\n"])
    def test_forms_of_a_line(self, tmp_path: Path, many: int, line: str) -> None:
        path = write_list(tmp_path / "list", MANY[:many], line=line.replace("{}", "{0}"))
        self.check_all(path, many)
        # The end of the last line may be missing.
        path.write_bytes(path.read_bytes().rstrip())
        self.check_all(path, many)
        path.write_bytes(path.read_bytes().lower())
        self.check_all(path, many)

    def check_all(self, path: Path, many: int) -> None:
        assert check_list(path) is None
        breached = BreachedPasswords(path)
        assert [password in breached for password in MANY[: many + 3]] == [True] * many + [
            False
        ] * 3
        breached.close()

    def test_first_and_last_of_the_hashes(self, tmp_path: Path) -> None:
        lines = [f"{'0' * 40}:1", f"{hash_of(BREACHED)}:1", f"{'F' * 40}:1"]
        path = tmp_path / "list"
        for some in (lines[:2], lines[1:], lines):
            path.write_text("\n".join(some) + "\n")
            breached = BreachedPasswords(path)
            assert BREACHED in breached
            assert "some other" not in breached
            breached.close()

    def test_reads_little(
        self, breached: BreachedPasswords, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Twice the length is one read more, so that forty gigabytes take forty."""
        reads = []
        read = os.pread

        def count(file: int, size: int, place: int) -> bytes:
            reads.append(size)
            return read(file, size, place)

        monkeypatch.setattr("os.pread", count)
        assert MANY[7] in breached
        assert len(reads) <= path.stat().st_size.bit_length() + 2
        assert max(reads) <= 200

    def test_by_several_threads(self, breached: BreachedPasswords) -> None:
        missed: list[str] = []

        def search(start: int) -> None:
            missed.extend(password for password in MANY[start::4] if password not in breached)

        threads = [threading.Thread(target=search, args=(start,)) for start in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert missed == []

    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
    def test_any_text(self, tmp_path_factory: pytest.TempPathFactory, password: str) -> None:
        folder = tmp_path_factory.mktemp("any")
        breached = BreachedPasswords(write_list(folder / "list", [*MANY[:50], password]))
        assert password in breached
        assert f"{password}." not in breached
        breached.close()

    def test_a_file_that_has_become_another(self, path: Path, breached: BreachedPasswords) -> None:
        path.write_bytes(b"#" * path.stat().st_size)
        with pytest.raises(NoSuchList):
            assert BREACHED in breached


class TestCheck:
    def test_none_is_asked_for(self) -> None:
        assert check_list(None) is None

    def test_a_good_one(self, path: Path) -> None:
        assert check_list(path) is None

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "is empty."),
            (b"password\n123456\n", "is not a list of SHA-1 hashes, HASH:COUNT in each line."),
            (b"0018A45C4D1DEF81644B54AB7F969B88D65:3\n" * 9, "is not a list of SHA-1 hashes"),
            (b"A" * 32 + b":3\n", "is not a list of SHA-1 hashes"),
            (b"A" * 40 + b"\n\n", "is not a list of SHA-1 hashes"),
            (b"A" * 4000, "is not a list of SHA-1 hashes"),
            (b"A" * 40 + b":3\x00\n", "is not a list of SHA-1 hashes"),
            (b"B" * 40 + b":3\n" + b"A" * 40 + b":2\n", "is not in the order of its hashes."),
        ],
    )
    def test_other_files(self, tmp_path: Path, content: bytes, reason: str) -> None:
        path = tmp_path / "list"
        path.write_bytes(content)
        sentence = check_list(path)
        assert sentence is not None
        assert sentence.startswith(f"BREACHED_PASSWORDS: {path} {reason}")

    def test_the_list_ordered_by_count(self, tmp_path: Path) -> None:
        path = tmp_path / "list"
        path.write_text("".join(f"{hash_of(password)}:9\n" for password in MANY))
        sentence = check_list(path)
        assert sentence is not None
        assert sentence.endswith(
            "is not in the order of its hashes. Take the list ordered by hash."
        )

    def test_nothing_there(self, tmp_path: Path) -> None:
        path = tmp_path / "list"
        sentence = f"BREACHED_PASSWORDS: {path} cannot be read: No such file or directory."
        assert check_list(path) == sentence

    def test_no_file(self, tmp_path: Path) -> None:
        assert check_list(tmp_path) == f"BREACHED_PASSWORDS: {tmp_path} is not a file."
        os.mkfifo(tmp_path / "pipe")
        sentence = check_list(tmp_path / "pipe")
        assert sentence == f"BREACHED_PASSWORDS: {tmp_path / 'pipe'} is not a file."
