"""JWTs: what the codec makes and takes. The sample everybody knows; times on both sides of an edge.

What it refuses of header, signature and claims is in `test_tokens_refused.py`.
"""

from datetime import UTC, datetime, timedelta

import pytest
from jose.exceptions import JWSError

from app import tokens
from app.errors import TokenInvalid
from app.keys import KeyRing, SigningKey
from app.tokens import (
    CLOCK_SKEW,
    Purpose,
    TokenCodec,
    b64decode,
    b64encode,
    digest_secret,
    jose_key,
    new_secret,
    read_signed,
    sign,
)
from tests.forgery import KEY, NOW, OTHER_KEY, RING, SID, claims, compact, header_text

TICK = timedelta(microseconds=1)
SAMPLE_KEY = SigningKey("0123abcd", b"your-256-bit-secret", NOW)
SAMPLE_CLAIMS = {"sub": "1234567890", "name": "John Doe", "iat": 1516239022}
SAMPLE = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    ".eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ"
    ".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
)


@pytest.fixture
def codec() -> TokenCodec:
    return TokenCodec(RING)


class TestWellKnownSample:
    def test_is_refused_by_the_codec(self, codec: TokenCodec) -> None:
        for purpose in Purpose:
            with pytest.raises(TokenInvalid):
                codec.verify(SAMPLE, purpose, now=datetime.fromtimestamp(1516239022, UTC))

    def test_is_refused_even_when_its_key_is_ours(self) -> None:
        codec = TokenCodec(KeyRing((SAMPLE_KEY,)))
        with pytest.raises(TokenInvalid):
            codec.verify(SAMPLE, Purpose.ACCESS, now=datetime.fromtimestamp(1516239022, UTC))

    def test_does_not_hold_with_another_key(self) -> None:
        with pytest.raises(JWSError):
            read_signed(SAMPLE, jose_key(KEY))

    def test_does_not_hold_when_touched(self) -> None:
        header, payload, signature = SAMPLE.split(".")
        touched = payload.replace("J", "K", 1)
        with pytest.raises(JWSError):
            read_signed(f"{header}.{touched}.{signature}", jose_key(SAMPLE_KEY))

    @pytest.mark.parametrize("algorithm", ["none", "HS512", "RS256"])
    def test_does_not_hold_under_the_name_of_another_algorithm(self, algorithm: str) -> None:
        with pytest.raises(JWSError):
            read_signed(compact(header_text(alg=algorithm)), jose_key(KEY))

    def test_is_reproduced(self) -> None:
        assert sign(SAMPLE_CLAIMS, jose_key(SAMPLE_KEY)) == SAMPLE

    def test_is_verified(self) -> None:
        assert read_signed(SAMPLE, jose_key(SAMPLE_KEY)) == SAMPLE_CLAIMS


class TestTime:
    def test_refused_at_the_second_it_expires(self, codec: TokenCodec) -> None:
        ends = NOW + timedelta(minutes=15)
        token = codec.issue(Purpose.ACCESS, sub="u", sid=SID, now=NOW, expires_at=ends)
        with pytest.raises(TokenInvalid):
            codec.verify(token, Purpose.ACCESS, now=ends)

    def test_accepted_just_before_it_expires(self, codec: TokenCodec) -> None:
        ends = NOW + timedelta(minutes=15)
        token = codec.issue(Purpose.ACCESS, sub="u", sid=SID, now=NOW, expires_at=ends)
        assert codec.verify(token, Purpose.ACCESS, now=ends - TICK).exp == ends

    def test_refused_from_further_in_the_future_than_clocks_differ(self, codec: TokenCodec) -> None:
        token = compact(payload=claims())
        issued = codec.verify(token, Purpose.COOKIE, now=NOW).iat
        with pytest.raises(TokenInvalid):
            codec.verify(token, Purpose.COOKIE, now=issued - CLOCK_SKEW - TICK)

    def test_accepted_from_as_far_in_the_future_as_clocks_differ(self, codec: TokenCodec) -> None:
        token = compact(payload=claims())
        issued = codec.verify(token, Purpose.COOKIE, now=NOW).iat
        assert codec.verify(token, Purpose.COOKIE, now=issued - CLOCK_SKEW).iat == issued

    def test_clocks_may_differ_by_half_a_minute(self) -> None:
        assert timedelta(seconds=30) == CLOCK_SKEW

    @pytest.mark.parametrize("issued", [-62_135_596_800, 253_402_300_799, 10**20, -(10**20)])
    def test_times_at_the_end_of_the_calendar(self, codec: TokenCodec, issued: int) -> None:
        token = compact(payload=claims(iat=issued, nbf=issued, exp=issued))
        with pytest.raises(TokenInvalid):
            codec.verify(token, Purpose.COOKIE, now=NOW)

    @pytest.mark.parametrize("year", [1999, 2999])
    def test_no_clock_counts_but_the_one_given(self, codec: TokenCodec, year: int) -> None:
        now = NOW.replace(year=year)
        token = codec.issue(Purpose.ACCESS, sub="u", sid=SID, now=now, expires_at=now + CLOCK_SKEW)
        assert codec.verify(token, Purpose.ACCESS, now=now).iat == now

    def test_fractions_of_a_second_are_cut_off(self, codec: TokenCodec) -> None:
        now = NOW + timedelta(microseconds=999_999)
        ends = now + timedelta(minutes=1)
        token = codec.issue(Purpose.COOKIE, sub="u", sid=SID, now=now, expires_at=ends)
        found = codec.verify(token, Purpose.COOKIE, now=now)
        assert (found.iat, found.exp) == (NOW, NOW + timedelta(minutes=1))


class TestIssue:
    def test_claims_come_back(self, codec: TokenCodec) -> None:
        ends = NOW + timedelta(hours=1)
        token = codec.issue(Purpose.COOKIE, sub="someone", sid=SID, now=NOW, expires_at=ends)
        found = codec.verify(token, Purpose.COOKIE, now=NOW)
        assert (found.sub, found.sid, found.iat, found.exp) == ("someone", SID, NOW, ends)

    def test_carries_the_registered_claims_and_nothing_personal(self, codec: TokenCodec) -> None:
        token = codec.issue(Purpose.ACCESS, sub="someone", sid=SID, now=NOW, expires_at=NOW)
        found = read_signed(token, jose_key(KEY))
        jti, issued = found.pop("jti"), int(NOW.timestamp())
        assert len(jti) == 16
        assert found == {
            "iss": "fastapi-portfolio",
            "aud": "portfolio:access",
            "sub": "someone",
            "sid": SID,
            "iat": issued,
            "nbf": issued,
            "exp": issued,
        }

    def test_no_two_are_alike(self, codec: TokenCodec) -> None:
        made = {
            codec.issue(Purpose.ACCESS, sub="u", sid=SID, now=NOW, expires_at=NOW)
            for _ in range(50)
        }
        assert len(made) == 50

    def test_newest_key_signs(self) -> None:
        codec = TokenCodec(KeyRing((OTHER_KEY, KEY)))
        token = codec.issue(Purpose.ACCESS, sub="u", sid=SID, now=NOW, expires_at=NOW)
        assert b64decode(token.partition(".")[0]) == b'{"alg":"HS256","kid":"0123abcd","typ":"JWT"}'
        assert read_signed(token, jose_key(KEY))["sub"] == "u"


class TestRotation:
    def test_a_retired_key_no_longer_verifies(self) -> None:
        token = compact()
        assert TokenCodec(RING).verify(token, Purpose.COOKIE, now=NOW).sid == SID
        with pytest.raises(TokenInvalid):
            TokenCodec(KeyRing((OTHER_KEY,))).verify(token, Purpose.COOKIE, now=NOW)

    def test_an_older_key_of_the_ring_verifies(self) -> None:
        newer = SigningKey("11112222", b"x" * 32, NOW)
        codec = TokenCodec(KeyRing((KEY, newer)))
        assert codec.verify(compact(), Purpose.COOKIE, now=NOW).sid == SID


class TestRememberedTokens:
    def test_time_is_checked_again(self, codec: TokenCodec) -> None:
        token = compact()
        ends = codec.verify(token, Purpose.COOKIE, now=NOW).exp
        with pytest.raises(TokenInvalid):
            codec.verify(token, Purpose.COOKIE, now=ends)

    def test_purpose_is_checked_again(self, codec: TokenCodec) -> None:
        token = compact()
        codec.verify(token, Purpose.COOKIE, now=NOW)
        with pytest.raises(TokenInvalid):
            codec.verify(token, Purpose.ACCESS, now=NOW)

    def test_every_character_counts(self, codec: TokenCodec) -> None:
        token = compact()
        codec.verify(token, Purpose.COOKIE, now=NOW)
        for place in range(len(token)):
            touched = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
            with pytest.raises(TokenInvalid):
                codec.verify(touched, Purpose.COOKIE, now=NOW)

    def test_memory_is_bounded(self, codec: TokenCodec, monkeypatch: pytest.MonkeyPatch) -> None:
        assert tokens.REMEMBERED_TOKENS == 4096
        monkeypatch.setattr(tokens, "REMEMBERED_TOKENS", 3)
        made = [compact(payload=claims(jti=f"{number:016}")) for number in range(5)]
        for token in made:
            codec.verify(token, Purpose.COOKIE, now=NOW)
        # What is kept can be seen nowhere else: a forgotten token is simply checked again.
        kept = codec._remembered  # noqa: SLF001
        assert [token for token, _ in kept] == made[2:]
        assert codec.verify(made[0], Purpose.COOKIE, now=NOW).jti == "0" * 16

    def test_refused_ones_hold_no_memory(self, codec: TokenCodec) -> None:
        for number in range(5):
            with pytest.raises(TokenInvalid):
                codec.verify(compact(payload=claims(sub=number)), Purpose.COOKIE, now=NOW)
        assert not codec._remembered  # noqa: SLF001  (seen nowhere else)

    def test_same_claims_when_seen_again(self, codec: TokenCodec) -> None:
        token = compact()
        first = codec.verify(token, Purpose.COOKIE, now=NOW)
        assert codec.verify(token, Purpose.COOKIE, now=NOW + timedelta(minutes=1)) is first


class TestInspect:
    @pytest.mark.parametrize("token", ["", "junk", SAMPLE, compact(secret=OTHER_KEY.secret)])
    def test_none_for_what_is_not_ours(self, codec: TokenCodec, token: str) -> None:
        assert codec.inspect(token, Purpose.COOKIE) is None

    def test_none_for_another_purpose(self, codec: TokenCodec) -> None:
        assert codec.inspect(compact(), Purpose.ACCESS) is None

    def test_explains_an_expired_token_without_making_it_valid(self, codec: TokenCodec) -> None:
        token = compact(payload=claims(exp=int(NOW.timestamp()) - 1))
        found = codec.inspect(token, Purpose.COOKIE)
        assert found is not None
        assert found.exp == NOW - timedelta(seconds=1)
        with pytest.raises(TokenInvalid):
            codec.verify(token, Purpose.COOKIE, now=NOW)


class TestOneTimeSecrets:
    def test_are_256_random_bits(self) -> None:
        made = {new_secret() for _ in range(50)}
        assert len(made) == 50
        assert {len(b64decode(secret)) for secret in made} == {32}

    def test_digest_is_sha_256(self) -> None:
        empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        assert digest_secret("") == empty

    def test_digest_takes_any_text(self) -> None:
        assert len(digest_secret("\ud800\x00é")) == 64


class TestBase64:
    @pytest.mark.parametrize("raw", [b"", b"f", b"fo", b"foo", b"\xff\xfe\xfb", b"\0\0\x17"])
    def test_there_and_back(self, raw: bytes) -> None:
        text = b64encode(raw)
        assert "=" not in text
        assert b64decode(text) == raw
