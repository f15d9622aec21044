"""What a `.env` may hold and what is refused; which of two places wins is in test_config.py."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import Settings
from app.config.sources import read_env_file, read_values
from app.startup import explain
from tests.test_config import problem


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.env` is looked for in the current folder."""
    monkeypatch.chdir(tmp_path)


def read(text: str) -> dict[str, str]:
    path = Path(".env")
    path.write_bytes(text.encode())
    return read_env_file(path)


class TestRefused:
    @pytest.mark.parametrize(
        "line",
        [
            *(
                "PORT",
                "export PORT",
                "=8086",
                "PORT 8086",
                "PORT: 8086",
                "MY PORT=8086",
                "'PORT'=1",
            ),
            *("A='b'c", 'A="b"c', "A=''b''", 'A="b" c', "A='b", 'A="b', 'A="b\\"', "A='b\\'"),
            *("- PORT=1", '"A"=b', "A#=b"),
        ],
    )
    def test_line_is_named_and_not_shown(self, line: str) -> None:
        with pytest.raises(ValueError, match=r"^\.env, line 4: write NAME=value, ") as error:
            read(f"# \n\nX='hunter2'\n{line}\nY=1\n")
        assert "hunter2" not in str(error.value)

    def test_line_after_a_value_of_several(self) -> None:
        with pytest.raises(ValueError, match=r"^\.env, line 4: "):
            read('A="1\n2\n3"\nB\n')

    def test_what_is_no_text(self) -> None:
        Path(".env").write_bytes(b"A=\xff\n")
        with pytest.raises(ValueError, match=r"^\.env is not text in UTF-8\.$"):
            read_env_file(Path(".env"))

    def test_what_cannot_be_opened(self) -> None:
        Path("loop").symlink_to("loop")
        with pytest.raises(ValueError, match=r"^loop cannot be read: "):
            read_env_file(Path("loop"))

    def test_is_one_sentence_of_the_settings(self) -> None:
        Path(".env").write_text("PORT=8086\nSECRET_KEY='hunter2\n")
        error = problem()
        assert error is not None
        assert explain(error).startswith(".env, line 2: write NAME=value, ")
        assert "hunter2" not in str(error)

    @given(st.text(alphabet="AB='\"#\\ \t\n$", max_size=30))
    def test_or_taken_whatever_it_is(self, text: str) -> None:
        try:
            values = read(text)
        except ValueError as error:
            assert str(error).startswith(".env, line ")  # noqa: PT017  (one of the two)
        else:
            assert all("\n" not in name for name in values)


class TestTaken:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            *(("A=b", "b"), ("A=b\n", "b"), ("A=b\r\n", "b"), ("\ufeffA=b", "b"), ("A=é", "é")),
            *(("export A=b", "b"), (" \texport\tA = b ", "b"), ("A=  b  c  ", "b  c")),
            *(("A=", ""), ("A=  ", ""), ("A=''", ""), ('A=""', ""), ("A=b\nA=c", "c")),
            *(("A=b#c", "b#c"), ("A=b #c", "b"), ("A=b\t# c", "b"), ("A=#b", "#b"), ("A= #b", "")),
            *(("A='b' # c", "b"), ('A="b"#c', "b"), ("A='b #c'", "b #c"), ('A=" b "', " b ")),
            *(("A=it's", "it's"), ('A=5"', '5"'), ("A=b=c", "b=c"), ("A==", "="), ("A=$B", "$B")),
            *((r"A=b\nc", r"b\nc"), (r'A="b\nc\td\re"', "b\nc\td\re"), (r"A='b\nc'", r"b\nc")),
            *((r'A="\"\\\'"', "\"\\'"), (r"A='\'\\\"'", "'\\\\\""), (r'A="\d"', r"\d")),
            *(('A="b\nc"', "b\nc"), ("A='b\nc=d'", "b\nc=d"), ("#B=c\n\n  # d\n\nA=b", "b")),
        ],
    )
    def test_value(self, text: str, value: str) -> None:
        assert read(text) == {"A": value}

    @pytest.mark.parametrize(
        ("written", "value"),
        [
            *(("${B}", "file"), ('"${B}!"', "file!"), ("'${B}'", "${B}"), ("${B}${B}", "filefile")),
            *(("${C}", "shell"), ("${D}", ""), ("${D:-x}", "x"), ("${B:-x}", "file"), ("$B", "$B")),
            *(("${LATER}", ""), ("${B", "${B"), ("${E}", "${B}")),
        ],
    )
    def test_what_stands_for_another(
        self, written: str, value: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("B", "shell")
        monkeypatch.setenv("C", "shell")
        assert read(f"B=file\nE='${{B}}'\nA={written}\nLATER=1\n")["A"] == value

    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r$")))
    def test_anything_in_quotes(self, value: str) -> None:
        written = value.replace("\\", "\\\\").replace('"', '\\"')
        assert read(f'A="{written}"\nB=1\n') == {"A": value, "B": "1"}

    @pytest.mark.parametrize("make", [Path.mkdir, lambda _path: None])
    def test_no_file(self, make: Callable[[Path], None]) -> None:
        make(Path(".env"))
        assert read_env_file(Path(".env")) == {}

    def test_file_of_another_program_as_well(self) -> None:
        Path(".env").write_text("KEY='-----BEGIN\nx\n-----END'\nPORT=1\n")
        assert Settings().port == 1

    def test_goes_into_nobodys_environment(self) -> None:
        Path(".env").write_text("PORT=1\nA_NAME_OF_ITS_OWN=1\n")
        assert Settings().port == 1
        assert "A_NAME_OF_ITS_OWN" not in os.environ  # noqa: TID251  (that is what is looked at)


class TestWhichWins:
    @pytest.mark.parametrize(
        ("environment", "text", "port"),
        [
            ({"PORT": "1"}, "PORTFOLIO_PORT=2", "2"),
            ({"PORTFOLIO_PORT": "1"}, "PORT=2", "1"),
            ({"PORTFOLIO_PORT": "1"}, "PORTFOLIO_PORT=2", "1"),
            ({"PORT": ""}, "PORT=2", "2"),
            ({"PORTFOLIO_PORT": "", "PORT": "1"}, "", "1"),
            ({"port": "1"}, "", "1"),
            ({}, "Portfolio_Port=2", "2"),
            ({}, "PORT=\nPORTFOLIO_PORT=2", "2"),
        ],
    )
    def test_of_two(
        self, environment: dict[str, str], text: str, port: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        Path(".env").write_text(text)
        assert read_values(["port", "host"], Path(".env")) == {"port": port}

    def test_no_file_is_asked_for(self) -> None:
        Path(".env").write_text("PORT")
        assert read_values(["port"], None) == {}
