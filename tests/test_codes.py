"""Codes of a second factor: RFC 6238's own examples, and everything that is none of them."""

import base64
import string
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import codes, qr
from app.codes import STEP, CodeKeys, Ticket, code_at, count_steps, find_step
from app.keys import KeyRing, new_key
from tests.services.rows import NOW, TICK

# RFC 6238, appendix B, SHA-1: the moment and its eight digits, of which apps show the last six.
SECRET = b"12345678901234567890"
VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]
CURRENT = count_steps(NOW)
TICKET = Ticket("Zk3vJx9q0aQbT1uE", 3)


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing((new_key(NOW),))


@pytest.fixture
def keys(ring: KeyRing) -> CodeKeys:
    return CodeKeys(ring)


class TestRFC:
    @pytest.mark.parametrize(("moment", "digits"), VECTORS)
    def test_vectors(self, moment: int, digits: str) -> None:
        step = count_steps(datetime.fromtimestamp(moment, UTC))
        assert code_at(SECRET, step) == digits[-6:]


class TestFindStep:
    @pytest.mark.parametrize("distance", [-1000, -3, -2, 2, 3, 1000])
    def test_code_of_another_time(self, distance: int) -> None:
        assert find_step(SECRET, code_at(SECRET, CURRENT + distance), now=NOW, after=0) is None

    @pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "१२३४५६", "\ud800", "0"])
    def test_no_code(self, code: str) -> None:
        if code != "\ud800":  # what is no text at all never gets here: see read_app_code
            assert find_step(SECRET, code, now=NOW, after=0) is None
        assert codes.read_app_code(code) is None

    def test_code_of_another_secret(self) -> None:
        assert find_step(SECRET[::-1], code_at(SECRET, CURRENT), now=NOW, after=0) is None

    @pytest.mark.parametrize("step", [CURRENT - 1, CURRENT, CURRENT + 1])
    def test_what_was_used_and_what_is_older(self, step: int) -> None:
        code = code_at(SECRET, step)
        assert find_step(SECRET, code, now=NOW, after=step) is None
        assert find_step(SECRET, code, now=NOW, after=step + 1) is None
        assert find_step(SECRET, code, now=NOW, after=step - 1) == step

    def test_holds_from_half_a_minute_before_to_a_minute_after(self) -> None:
        start = datetime.fromtimestamp(CURRENT * 30, UTC)
        code = code_at(SECRET, CURRENT)
        for moment, is_good in [
            (start - STEP - TICK, False),
            (start - STEP, True),
            (start + 2 * STEP - TICK, True),
            (start + 2 * STEP, False),
        ]:
            assert (find_step(SECRET, code, now=moment, after=0) is not None) == is_good


class TestURI:
    def test_says_what_apps_read(self) -> None:
        uri = urlsplit(codes.write_uri(SECRET, issuer="St. Mary's: School", account="ada"))
        assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
        # A colon would end the name before its time.
        assert unquote(uri.path) == "/St. Mary's  School:ada"
        fields = parse_qs(uri.query, strict_parsing=True)
        assert fields == {
            "secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
            "issuer": ["St. Mary's  School"],
        }

    @given(issuer=st.text(max_size=200), account=st.text(max_size=64))
    def test_fits_into_a_code_however_long_the_names(self, issuer: str, account: str) -> None:
        issuer, account = (text.encode(errors="replace").decode() for text in (issuer, account))
        uri = codes.write_uri(SECRET, issuer=issuer, account=account)
        assert len(uri) <= qr.MAX_BYTES
        assert uri.isascii()

    def test_secret_is_base32(self) -> None:
        assert base64.b32decode(codes.write_secret(SECRET)) == SECRET


class TestRecoveryCodes:
    def test_are_ten_of_120_random_bits(self) -> None:
        made = [code for _ in range(20) for code in codes.new_recovery_codes()]
        assert len(set(made)) == 200
        letters = {codes.read_recovery_code(code) for code in made}
        assert all(text is not None and len(text) == 24 for text in letters)
        used = {letter for code in made for letter in code.replace("-", "")}
        assert used == set(string.ascii_lowercase + "234567")

    @pytest.mark.parametrize(
        "typed",
        ["", "abcd", "abcd-efgh-ijkl-mnop-qrst-uvw", "abcd-efgh-ijkl-mnop-qrst-uvwxy", "é" * 24],
    )
    def test_what_is_none(self, typed: str) -> None:
        assert codes.read_recovery_code(typed) is None

    @pytest.mark.parametrize(
        "typed",
        [
            "ABCD EFGH IJKL MNOP QRST UVWX",
            " abcd-efgh-ijkl-mnop-qrst-uvwx\n",
            "abcdefghijklmnopqrstuvwx",
            "a8cdefghijk1mn0pqrstuvwx",
        ],
    )
    def test_however_they_are_typed(self, typed: str) -> None:
        assert codes.read_recovery_code(typed) == "abcdefghijklmnopqrstuvwx"

    def test_app_codes_too(self) -> None:
        assert codes.read_app_code(" 123 456 ") == codes.read_app_code("123-456") == "123456"


class TestSplit:
    @pytest.mark.parametrize(
        "typed", ["", "123456", "secret", "secret12345", "secret abcd-efgh", "secret12345६"]
    )
    def test_without_a_code(self, typed: str) -> None:
        assert codes.split(typed) == (typed, None)

    @pytest.mark.parametrize(
        ("typed", "password", "code"),
        [
            ("secret123456", "secret", "123456"),
            ("secret 123456", "secret ", "123456"),
            ("1234567", "1", "234567"),
            ("two\nlines123456", "two\nlines", "123456"),
            (
                "secretabcd-efgh-ijkl-mnop-qrst-uvwx",
                "secret",
                "abcd-efgh-ijkl-mnop-qrst-uvwx",
            ),
        ],
    )
    def test_with_one_behind(self, typed: str, password: str, code: str) -> None:
        assert codes.split(typed) == (password, code)


class TestKeys:
    def test_of_a_key_that_is_gone(self, keys: CodeKeys) -> None:
        other = CodeKeys(KeyRing((new_key(NOW),)))
        assert other.kid not in keys
        assert keys.kid in keys

    def test_each_seed_code_and_key_makes_another(self, keys: CodeKeys) -> None:
        other = CodeKeys(KeyRing((new_key(NOW),)))
        first, second = keys.new_seed(), keys.new_seed()
        secrets = {
            keys.secret(keys.kid, first),
            keys.secret(keys.kid, second),
            other.secret(other.kid, first),
        }
        assert len(secrets) == 3
        digests = {
            keys.digest(keys.kid, first, "a"),
            keys.digest(keys.kid, first, "b"),
            keys.digest(keys.kid, second, "a"),
            other.digest(other.kid, first, "a"),
        }
        assert len(digests) == 4

    def test_secret_is_160_bits_and_not_the_seed(self, keys: CodeKeys) -> None:
        seed = keys.new_seed()
        secret = keys.secret(keys.kid, seed)
        assert len(secret) == len(bytes.fromhex(seed)) == 20
        assert secret.hex() != seed

    def test_of_a_retired_key(self, ring: KeyRing) -> None:
        before = CodeKeys(ring)
        seed = before.new_seed()
        after = CodeKeys(KeyRing((new_key(NOW),), retired=ring.keys))
        assert after.kid != before.kid
        assert after.secret(before.kid, seed) == before.secret(before.kid, seed)
        assert after.digest(before.kid, seed, "a") == before.digest(before.kid, seed, "a")
        # As a token of that key would be refused.
        assert after.read_ticket(before.issue_ticket(TICKET, now=NOW), now=NOW) is None


class TestTickets:
    @given(st.text(max_size=100))
    def test_what_is_none(self, text: str) -> None:
        keys = CodeKeys(KeyRing((new_key(NOW),)))
        assert keys.read_ticket(text, now=NOW) is None

    def test_changed_anywhere(self, keys: CodeKeys) -> None:
        text = keys.issue_ticket(TICKET, now=NOW)
        for place, letter in enumerate(text):
            # The last character has spare bits: one spelling is ours.
            for other in ("A", "B", "1", "2", "."):
                if other != letter:
                    changed = text[:place] + other + text[place + 1 :]
                    assert keys.read_ticket(changed, now=NOW) is None, place

    def test_of_another_ring(self, keys: CodeKeys) -> None:
        other = CodeKeys(KeyRing((new_key(NOW),)))
        assert other.read_ticket(keys.issue_ticket(TICKET, now=NOW), now=NOW) is None

    def test_at_the_moment_it_expires(self, keys: CodeKeys) -> None:
        text, life = keys.issue_ticket(TICKET, now=NOW), codes.TICKET_LIFE
        assert keys.read_ticket(text, now=NOW + life) is None
        assert keys.read_ticket(text, now=NOW + life - TICK) == TICKET

    def test_when_the_clock_was_set_back(self, keys: CodeKeys) -> None:
        text = keys.issue_ticket(TICKET, now=NOW)
        assert keys.read_ticket(text, now=NOW - timedelta(seconds=1)) is None
        assert keys.read_ticket(text, now=NOW) == TICKET
