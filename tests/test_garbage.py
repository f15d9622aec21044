"""When Python looks for garbage."""

import gc
from collections.abc import Iterator

import pytest

from app.garbage import kept_for_good


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


class TestKeptForGood:
    def test_nothing_is_looked_through_meanwhile(self) -> None:
        with kept_for_good():
            assert not gc.isenabled()
        assert gc.isenabled()

    def test_what_is_there_then_stays(self) -> None:
        gc.unfreeze()
        with kept_for_good():
            assert gc.get_freeze_count() == 0
        assert gc.get_freeze_count() > 0

    def test_a_dozen_requests_are_not_looked_through_each_time(self) -> None:
        _, *older = gc.get_threshold()
        with kept_for_good():
            pass
        assert gc.get_threshold() == (5_000, *older)

    def test_after_a_failure_as_well(self) -> None:
        with pytest.raises(ZeroDivisionError), kept_for_good():
            _ = 1 / 0
        assert gc.isenabled()
