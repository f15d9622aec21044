"""The revisions as they are read from their files; `test_migrations.py` meets databases."""

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from app.config import ASSETS_DIR
from app.standing import list_revisions


def write(folder: Path, name: str, revision: str, before: str) -> None:
    text = f"revision: str = {revision}\ndown_revision: str | None = {before}\n"
    (folder / f"{name}.py").write_text(text)


class TestListRevisions:
    def test_refuses_one_that_does_not_say_which_it_is(self, tmp_path: Path) -> None:
        (tmp_path / "one.py").write_text('revision = "1"\n')
        with pytest.raises(ValueError, match=r"one\.py does not say"):
            list_revisions(tmp_path)

    @pytest.mark.parametrize("before", ['"1"', '"9"', "None"], ids=["fork", "gap", "two starts"])
    def test_refuses_what_is_no_chain(self, tmp_path: Path, before: str) -> None:
        write(tmp_path, "one", '"1"', "None")
        write(tmp_path, "two", '"2"', '"1"')
        write(tmp_path, "three", '"3"', before)
        with pytest.raises(ValueError, match="no chain"):
            list_revisions(tmp_path)

    def test_each_follows_what_it_builds_on(self, tmp_path: Path) -> None:
        write(tmp_path, "a", "'3'", "'2'")
        write(tmp_path, "b", '"1"', "None")
        write(tmp_path, "c", '"2"', '"1"')
        assert list_revisions(tmp_path) == ("1", "2", "3")

    def test_says_of_ours_what_alembic_says(self) -> None:
        scripts = ScriptDirectory(str(ASSETS_DIR / "alembic"))
        newest_first = [script.revision for script in scripts.walk_revisions()]
        assert list_revisions(ASSETS_DIR / "alembic" / "versions") == tuple(reversed(newest_first))
