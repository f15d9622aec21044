"""Importing what goes on without a library that is there."""

import importlib
import subprocess
import sys

import pytest

from app.modules import without_module


def test_is_missing_meanwhile() -> None:
    with without_module("this"), pytest.raises(ImportError):
        importlib.import_module("this")
    assert "this" not in sys.modules


def test_also_where_the_import_fails() -> None:
    def fail() -> None:
        with without_module("this"):
            raise ImportError

    with pytest.raises(ImportError):
        fail()
    assert "this" not in sys.modules


def test_what_is_there_stays() -> None:
    with without_module("json"):
        assert importlib.import_module("json") is sys.modules["json"]
    assert "json" in sys.modules


@pytest.mark.process
def test_no_token_needs_the_libraries_for_rsa() -> None:
    script = "import sys, app.tokens; print({'rsa', 'pyasn1'} & set(sys.modules))"
    run = [sys.executable, "-c", script]
    told = subprocess.run(run, check=True, capture_output=True, text=True)  # noqa: S603  (ours)
    assert told.stdout.strip() == "set()"
