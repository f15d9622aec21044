"""The key ring: what may be read, how it is written, how long rotation keeps a key."""

import base64
import errno
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.keys import KEY_BYTES, KeyRing, SigningKey, new_key

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def entry(**changes: Any) -> dict[str, Any]:
    secret = base64.urlsafe_b64encode(b"s" * KEY_BYTES).decode()
    return {"kid": "0123abcd", "secret": secret, "created_at": NOW.isoformat(), **changes}


class TestRead:
    @pytest.mark.parametrize(
        "content",
        [
            *("", "junk", "[]", "{}", "null", '{"keys": null}', '{"keys": []}', '{"keys": [1]}'),
            *('{"keys": {}}', '{"keys": ["x"]}', '{"keys": [{}]}', b"\xff\xfe\x00"),
        ],
    )
    def test_no_ring(self, path: Path, content: str | bytes) -> None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises((ValueError, KeyError, TypeError)):
            KeyRing.read(path)

    @pytest.mark.parametrize(
        "change",
        [
            {"kid": ""},
            {"kid": "0123ABCD"},
            {"kid": "0123abcd0"},
            {"kid": 12345678},
            {"kid": ["0123abcd"]},
            {"kid": None},
            {"secret": ""},
            {"secret": base64.urlsafe_b64encode(b"s" * (KEY_BYTES - 1)).decode()},
            {"secret": 5},
            {"secret": None},
            {"created_at": "yesterday"},
            {"created_at": 5},
        ],
        ids=str,
    )
    def test_damaged_key(self, path: Path, change: dict[str, Any]) -> None:
        path.write_text(json.dumps({"keys": [entry(**change)]}))
        with pytest.raises((ValueError, TypeError)):
            KeyRing.read(path)

    def test_missing_file(self, path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            KeyRing.read(path)

    def test_shortest_secret(self, path: Path) -> None:
        path.write_text(json.dumps({"keys": [entry()]}))
        assert KeyRing.read(path).current == SigningKey("0123abcd", b"s" * 32, NOW)


class TestWrite:
    def test_comes_back(self, path: Path) -> None:
        ring = KeyRing((new_key(NOW), new_key(NOW + DAY)))
        ring.write(path)
        assert KeyRing.read(path).keys == ring.keys

    @pytest.mark.parametrize("mode", [0o644, 0o666, 0o400])
    def test_readable_by_its_owner_alone_whatever_was_there(self, path: Path, mode: int) -> None:
        path.write_text("old")
        path.chmod(mode)
        KeyRing((new_key(NOW),)).write(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_a_leftover_of_a_crash_is_not_written_into(self, path: Path) -> None:
        """Somebody may still hold the old file open, or have made it readable."""
        leftover = path.with_suffix(".new")
        leftover.write_text("half a ring")
        leftover.chmod(0o666)
        with leftover.open() as reader:
            KeyRing((new_key(NOW),)).write(path)
            assert reader.read() == "half a ring"
        assert not leftover.exists()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_replaces_in_one_step(self, path: Path) -> None:
        """Whoever reads meanwhile sees the old ring whole: the file is another one."""
        old = KeyRing((new_key(NOW),))
        old.write(path)
        with path.open() as reader:
            KeyRing((new_key(NOW + DAY),)).write(path)
            assert json.load(reader)["keys"][0]["kid"] == old.current.kid

    def test_leaves_the_old_one_when_it_fails(self, path: Path) -> None:
        old = KeyRing((new_key(NOW),))
        old.write(path)
        path.with_suffix(".new").mkdir()  # nothing can be written there
        with pytest.raises(OSError, match="irectory"):
            KeyRing((new_key(NOW + DAY),)).write(path)
        assert KeyRing.read(path).keys == old.keys


class TestFound:
    """Several servers may start at the same moment, in one folder."""

    def test_one_of_many_makes_it(self, tmp_path: Path, path: Path) -> None:
        rings = [KeyRing((new_key(NOW),)) for _ in range(20)]
        with ThreadPoolExecutor(20) as pool:
            made = list(pool.map(lambda ring: ring.found(path), rings))
        assert made.count(True) == 1
        assert KeyRing.read(path).current == rings[made.index(True)].current
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert list(tmp_path.iterdir()) == [path]

    def test_where_nothing_has_two_names(
        self, tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def link(*_: object) -> None:
            raise PermissionError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", link)
        ring = KeyRing((new_key(NOW),))
        assert ring.found(path)
        assert KeyRing.read(path).current == ring.current
        assert list(tmp_path.iterdir()) == [path]


class TestRing:
    def test_is_never_empty(self) -> None:
        with pytest.raises(ValueError, match="at least one key"):
            KeyRing(())

    def test_newest_key_is_current_wherever_it_stands(self) -> None:
        old, new = new_key(NOW), new_key(NOW + TICK)
        assert KeyRing((old, new)).current == new
        assert KeyRing((new, old)).current == new

    def test_new_keys_are_random(self) -> None:
        made = [new_key(NOW) for _ in range(50)]
        assert len({key.secret for key in made}) == 50
        assert {len(key.secret) for key in made} == {32}

    def test_secret_is_not_shown(self) -> None:
        key = new_key(NOW)
        shown = f"{key!r} {key!s} {KeyRing((key,))!r}"
        assert key.kid in shown
        for spelling in (repr(key.secret)[2:-1], key.secret.hex(), str(list(key.secret))):
            assert spelling not in shown

    def test_derived_keys_differ_by_label_and_from_the_key(self) -> None:
        key = new_key(NOW)
        made = {key.secret, key.derive(b"refresh"), key.derive(b"other"), key.derive(b"")}
        assert len(made) == 4
        assert key.derive(b"refresh") == key.derive(b"refresh")
        assert {len(secret) for secret in made} == {32}


class TestFromSecret:
    SECRET = "correct horse battery staple 12345"

    def test_is_the_same_everywhere(self) -> None:
        one, other = KeyRing.from_secret(self.SECRET), KeyRing.from_secret(self.SECRET)
        assert one.keys == other.keys
        # Pinned: another value would end every login on an update of this program.
        assert one.current.kid == "41184d62"

    def test_another_secret_is_another_key(self) -> None:
        one, other = KeyRing.from_secret(self.SECRET), KeyRing.from_secret(self.SECRET + " ")
        assert one.current.secret != other.current.secret
        assert one.current.kid != other.current.kid

    def test_kid_tells_nothing(self) -> None:
        key = KeyRing.from_secret(self.SECRET).current
        assert key.kid not in key.secret.hex()
        assert len(key.secret) == 32


class TestRotate:
    KEEP = timedelta(days=30)

    def test_new_key_signs_and_the_old_stays(self) -> None:
        old = new_key(NOW - DAY)
        ring = KeyRing((old,)).rotate(now=NOW, keep=self.KEEP)
        assert ring.keys[0] == old
        assert ring.current == ring.keys[1]
        assert ring.current.created_at == NOW

    def test_the_key_just_replaced_stays_however_old_it_is(self) -> None:
        old = new_key(NOW - 400 * DAY)
        assert old in KeyRing((old,)).rotate(now=NOW, keep=self.KEEP).keys

    def test_a_key_goes_when_all_its_tokens_have_expired(self) -> None:
        old, successor = new_key(NOW - 90 * DAY), new_key(NOW - self.KEEP)
        ring = KeyRing((old, successor)).rotate(now=NOW, keep=self.KEEP)
        assert [key.kid for key in ring.keys] == [successor.kid, ring.current.kid]

    def test_a_key_stays_while_one_of_its_tokens_may_live(self) -> None:
        old, successor = new_key(NOW - 90 * DAY), new_key(NOW - self.KEEP + TICK)
        ring = KeyRing((old, successor)).rotate(now=NOW, keep=self.KEEP)
        assert old in ring.keys

    def test_order_in_the_file_does_not_matter(self) -> None:
        old, successor = new_key(NOW - 90 * DAY), new_key(NOW - self.KEEP + TICK)
        ring = KeyRing((successor, old)).rotate(now=NOW, keep=self.KEEP)
        assert {old, successor} < set(ring.keys)

    @pytest.mark.parametrize("ahead", [timedelta(0), TICK, 365 * DAY])
    def test_new_key_signs_even_if_the_clock_was_ahead(self, ahead: timedelta) -> None:
        ring = KeyRing((new_key(NOW + ahead),)).rotate(now=NOW, keep=self.KEEP)
        assert ring.current == ring.keys[-1]

    def test_twice_in_a_row_keeps_both(self) -> None:
        first = KeyRing((new_key(NOW),))
        third = first.rotate(now=NOW, keep=self.KEEP).rotate(now=NOW, keep=self.KEEP)
        assert len(third.keys) == 3
        assert third.current == third.keys[2]


class TestRetired:
    """A key that second factors were made with outlives its tokens, for them alone."""

    KEEP = timedelta(days=30)

    @pytest.fixture
    def ring(self) -> KeyRing:
        """One key whose tokens have all expired, and one whose tokens live."""
        return KeyRing((new_key(NOW - 90 * DAY), new_key(NOW - self.KEEP)))

    def test_not_without_a_second_factor(self, ring: KeyRing) -> None:
        assert ring.rotate(now=NOW, keep=self.KEEP, used={"unknown"}).retired == ()

    def test_one_whose_tokens_live_is_not_retired_yet(self, ring: KeyRing) -> None:
        living = ring.keys[1]
        after = ring.rotate(now=NOW, keep=self.KEEP, used={living.kid})
        assert living in after.keys
        assert after.retired == ()

    def test_stays_while_it_is_used(self, ring: KeyRing, path: Path) -> None:
        old = ring.keys[0]
        after = ring.rotate(now=NOW, keep=self.KEEP, used={old.kid})
        assert after.retired == (old,)
        assert old not in after.keys
        after.write(path)
        again = KeyRing.read(path)
        assert (again.keys, again.retired) == (after.keys, after.retired)
        later = again.rotate(now=NOW + DAY, keep=self.KEEP, used={old.kid})
        assert later.retired == (old,)
        assert later.rotate(now=NOW + DAY, keep=self.KEEP).retired == ()
