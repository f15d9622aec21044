"""Marks of known devices: whose they are, how long, and that nothing can be read in them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from app.devices import MAX_MARKS, DeviceCodec
from app.keys import KeyRing, new_key

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LIFE = timedelta(days=30)
RING = KeyRing((new_key(NOW - timedelta(days=1)),))
CODEC = DeviceCodec(RING, LIFE)


@dataclass(frozen=True)
class Account:
    """What of an account a mark is about."""

    public_id: str
    epoch: int = 3

    def mark(self, known: str = "", *, codec: DeviceCodec = CODEC, now: datetime = NOW) -> str:
        return codec.mark(known, public_id=self.public_id, epoch=self.epoch, now=now)

    def find(self, known: str, *, codec: DeviceCodec = CODEC, now: datetime = NOW) -> str | None:
        return codec.find(known, public_id=self.public_id, epoch=self.epoch, now=now)


ADA, BOB = Account("Ada_public_id-01"), Account("Bob_public_id-01")


class TestRefused:
    def test_of_another_account(self) -> None:
        assert BOB.find(ADA.mark()) is None
        assert Account("").find(ADA.mark()) is None

    @pytest.mark.parametrize("epoch", [0, 2, 4])
    def test_of_another_password(self, epoch: int) -> None:
        assert Account(ADA.public_id, epoch).find(ADA.mark()) is None

    def test_made_with_another_key(self) -> None:
        other = DeviceCodec(KeyRing((new_key(NOW),)), LIFE)
        assert ADA.find(ADA.mark(codec=other)) is None

    @pytest.mark.parametrize("place", range(45))
    def test_changed_anywhere(self, place: int) -> None:
        mark = ADA.mark()
        assert len(mark) == 45
        other = "1" if mark[place] != "1" else "2"
        assert ADA.find(mark[:place] + other + mark[place + 1 :]) is None

    @pytest.mark.parametrize(
        "known",
        [
            *("", "~", ".", "..", "a.b.c", "\x00", "\ud800", "x" * 45, "~" * 9, "x" * 100_000),
            *("A" * 16 + ".20000." + "A" * 22, "A" * 16 + "." + "9" * 5 + "." + "A" * 22),
            *("A" * 16 + ".\u0662\u0660\u0660\u0660\u0660." + "A" * 22,),
        ],
    )
    def test_what_is_none(self, known: str) -> None:
        assert ADA.find(known) is None
        assert ADA.find(ADA.mark(known)) is not None

    def test_with_something_around_it(self) -> None:
        mark = ADA.mark()
        for known in (f" {mark}", f"{mark} ", f"{mark}~", f"~{mark}", f"{mark}\n", f'"{mark}"'):
            assert ADA.find(known) is None, known

    def test_among_more_than_a_browser_keeps(self) -> None:
        assert ADA.find("~".join([ADA.mark()] * (MAX_MARKS + 1))) is None

    @pytest.mark.parametrize("later", [LIFE, LIFE * 2, timedelta(days=-1)], ids=str)
    def test_out_of_its_time(self, later: timedelta) -> None:
        assert ADA.find(ADA.mark(), now=NOW + later) is None

    def test_no_marks_are_wanted(self) -> None:
        assert ADA.find(ADA.mark(), codec=DeviceCodec(RING, timedelta(0))) is None


class TestFound:
    def test_by_its_number(self) -> None:
        mark = ADA.mark()
        assert ADA.find(mark) == mark[:16]
        assert ADA.find(mark, now=NOW + LIFE - timedelta(days=1)) == mark[:16]

    def test_each_has_a_number_of_its_own(self) -> None:
        assert len({ADA.find(ADA.mark()) for _ in range(100)}) == 100

    def test_after_the_keys_were_rotated(self) -> None:
        rotated = DeviceCodec(RING.rotate(now=NOW, keep=LIFE), LIFE)
        assert ADA.find(ADA.mark(), codec=rotated) is not None
        assert ADA.find(ADA.mark(codec=rotated)) is None

    def test_says_nothing_that_can_be_read(self) -> None:
        mark = ADA.mark()
        assert ADA.public_id not in mark
        _, day, _ = mark.split(".")
        assert int(day) == (NOW - datetime(1970, 1, 1, tzinfo=UTC)).days


class TestSeveral:
    def test_accounts_of_one_browser(self) -> None:
        known = BOB.mark(ADA.mark())
        assert ADA.find(known) is not None
        assert BOB.find(known) is not None
        assert Account("Eve_public_id-01").find(known) is None

    def test_a_new_mark_takes_the_place_of_the_old_one(self) -> None:
        known = ADA.mark(BOB.mark(ADA.mark()))
        assert known.count("~") == 1
        assert ADA.find(known) == known[:16]

    def test_the_oldest_goes_first(self) -> None:
        known = ADA.mark()
        for number in range(MAX_MARKS):
            assert ADA.find(known) is not None
            known = Account(f"account {number}").mark(known)
        assert ADA.find(known) is None
        assert known.count("~") == MAX_MARKS - 1

    def test_what_is_no_mark_is_not_kept(self) -> None:
        assert "x" * 20 not in ADA.mark("x" * 20)
