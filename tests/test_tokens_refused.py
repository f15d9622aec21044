"""What the codec refuses: forged headers, other signatures, strange claims, and forged refreshes.

Every attack that can be signed is signed with the real key, so that the check under test is the
one that has to catch it.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.errors import RefreshTokenInvalid, TokenInvalid
from app.keys import KeyRing
from app.tokens import MAX_TOKEN_LENGTH, Purpose, TokenCodec
from tests.forgery import (
    KEY,
    NOW,
    OTHER_KEY,
    RING,
    SID,
    base64url,
    claims,
    compact,
    header_text,
    other_spellings,
    seal,
)

GOOD = compact()


def is_refused(token: str, purpose: Purpose = Purpose.COOKIE) -> bool:
    """Whether the codec says `TokenInvalid`, which it must say instead of anything else."""
    try:
        TokenCodec(RING).verify(token, purpose, now=NOW)
    except TokenInvalid:
        return True
    return False


def test_the_forger_can_make_a_good_one() -> None:
    """Otherwise the refusals below would prove nothing."""
    assert not is_refused(GOOD)
    assert not is_refused(compact(header_text(), claims()))


class TestAlgorithm:
    @pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", " none", "none\x00"])
    @pytest.mark.parametrize("signature", ["", "A" * 43, GOOD.rpartition(".")[2]])
    def test_none(self, name: str, signature: str) -> None:
        header = base64url(header_text(alg=name).encode())
        assert is_refused(f"{header}.{GOOD.split('.')[1]}.{signature}")

    @pytest.mark.parametrize(
        "name",
        ["HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "dir", "A128KW", "hs256", "HS256 "],
    )
    def test_another_name_over_our_signature(self, name: str) -> None:
        assert is_refused(compact(header_text(alg=name)))

    @pytest.mark.parametrize("digest", ["sha384", "sha512", "sha224", "md5"])
    def test_another_hash(self, digest: str) -> None:
        assert is_refused(compact(digest=digest))
        assert is_refused(compact(header_text(alg="HS" + digest[-3:]), digest=digest))

    @pytest.mark.parametrize("value", [None, 1, True, ["HS256"], {"HS256": 1}])
    def test_missing_or_no_text(self, value: object) -> None:
        assert is_refused(compact(header_text(alg=value)))


class TestKeyId:
    @pytest.mark.parametrize(
        "kid",
        [
            *("deadbeef", "", "0123ABCD", "0123abcd ", "../../../dev/null", "/proc/self/environ"),
            *("' OR 1=1 --", "0123abcd\x00", "http://attacker.example/key", "$(id)"),
        ],
    )
    @pytest.mark.parametrize("secret", [KEY.secret, b"", b"\x00", b"secret"])
    def test_unknown_or_injected(self, kid: str, secret: bytes) -> None:
        assert is_refused(compact(header_text(kid=kid), secret=secret))

    @pytest.mark.parametrize("kid", [None, 0, 123, ["0123abcd"], {"0123abcd": 1}, True])
    def test_missing_or_no_text(self, kid: object) -> None:
        assert is_refused(compact(header_text(kid=kid)))

    def test_of_another_ring(self) -> None:
        token = compact(header_text(kid=OTHER_KEY.kid), secret=OTHER_KEY.secret)
        assert is_refused(token)

    def test_ours_over_another_secret(self) -> None:
        assert is_refused(compact(secret=OTHER_KEY.secret))


class TestHeader:
    @pytest.mark.parametrize(
        "extra",
        [
            {"jku": "https://attacker.example/jwks.json"},
            {"jwk": {"kty": "oct", "k": base64url(b"mine")}},
            {"x5u": "https://attacker.example/cert.pem"},
            {"x5c": ["MIIB"]},
            {"crit": ["exp"]},
            {"crit": ["b64"], "b64": False},
            {"b64": False},
            {"zip": "DEF"},
            {"cty": "JWT"},
            {"typ": "at+jwt"},
            {"typ": None},
            {"enc": "A256GCM"},
            {"x": 1},
        ],
        ids=json.dumps,
    )
    def test_extra_or_changed_member(self, extra: dict[str, Any]) -> None:
        assert is_refused(compact(header_text(**extra)))

    @pytest.mark.parametrize(
        "text",
        [
            '{"typ":"JWT","alg":"HS256","kid":"0123abcd"}',
            '{"alg": "HS256", "kid": "0123abcd", "typ": "JWT"}',
            ' {"alg":"HS256","kid":"0123abcd","typ":"JWT"}',
            '{"alg":"none","alg":"HS256","kid":"0123abcd","typ":"JWT"}',
            '{"\\u0061lg":"HS256","kid":"0123abcd","typ":"JWT"}',
            '\ufeff{"alg":"HS256","kid":"0123abcd","typ":"JWT"}',
            '[{"alg":"HS256","kid":"0123abcd","typ":"JWT"}]',
            '"HS256-0123abcd-JWT"',
            "null-null-null",
            "1234567890",
        ],
    )
    def test_another_spelling(self, text: str) -> None:
        assert is_refused(compact(text))


class TestSignature:
    @pytest.mark.parametrize("signature", ["A" * 43, "", "A", GOOD.rpartition(".")[2][:-1]])
    def test_wrong_or_short(self, signature: str) -> None:
        assert is_refused(f"{GOOD.rpartition('.')[0]}.{signature}")

    def test_of_other_claims(self) -> None:
        other = compact(payload=claims(sub="somebody-else"))
        assert is_refused(f"{GOOD.rpartition('.')[0]}.{other.rpartition('.')[2]}")

    @pytest.mark.parametrize("spelling", other_spellings(GOOD.rpartition(".")[2]))
    def test_not_canonical(self, spelling: str) -> None:
        assert is_refused(f"{GOOD.rpartition('.')[0]}.{spelling}")

    @pytest.mark.parametrize("filler", ["x", "xx", "xxx"])
    def test_payload_not_canonical_though_signed(self, filler: str) -> None:
        header, payload, _ = compact(payload=claims(sub=filler)).split(".")
        for spelling in other_spellings(payload):
            assert is_refused(seal(f"{header}.{spelling}"))


class TestShape:
    @pytest.mark.parametrize(
        "junk", ["=", "==", " ", "\n", "\r\n", "\t", "\x00", "%00", ".", ".e30"]
    )
    def test_junk_around(self, junk: str) -> None:
        assert is_refused(GOOD + junk)
        assert is_refused(junk + GOOD)
        assert is_refused(GOOD.replace(".", junk + ".", 1))

    @pytest.mark.parametrize(
        "text",
        [
            *("", ".", "..", "...", "a.b.c", "null", "Bearer " + GOOD, f'"{GOOD}"', "é" * 50),
            *(GOOD.replace(".", "\u2024"), GOOD.replace("e", "\u0435", 1), GOOD.replace("y", "+")),
            GOOD.rpartition(".")[0],
            GOOD.replace(".", ".."),
            f"{GOOD}.{GOOD}",
            ".".join(["QUJDREVGR0g"] * 5),
            json.dumps(
                dict(zip(("protected", "payload", "signature"), GOOD.split("."), strict=True))
            ),
            "\ud800" + GOOD,
        ],
    )
    def test_no_compact_token(self, text: str) -> None:
        # \u2024 looks like a dot, \u0435 like an e.
        assert text != GOOD
        assert is_refused(text)

    @pytest.mark.parametrize("length", [1, 5, 9, 41, 42, 44, 45])
    def test_part_that_no_bytes_make(self, length: int) -> None:
        header, payload, signature = GOOD.split(".")
        assert is_refused(f"{header}.{payload}.{(signature + 'AA')[:length]}")
        assert is_refused(f"{header}.{payload[:length]}.{signature}")

    def test_long_payload_is_refused_though_signed(self) -> None:
        assert is_refused(compact(payload=self._of_size(526)))

    def test_the_longest_payload_is_accepted(self) -> None:
        assert not is_refused(compact(payload=self._of_size(525)))

    @pytest.mark.parametrize("size", [MAX_TOKEN_LENGTH, MAX_TOKEN_LENGTH + 1, 1_000_000])
    def test_oversize(self, size: int) -> None:
        header, _, signature = GOOD.split(".")
        filler = "A" * (size - len(header) - len(signature) - 2)
        assert is_refused(f"{header}.{filler}.{signature}")

    @staticmethod
    def _of_size(size: int) -> str:
        bare = len(json.dumps(claims(sub=""), separators=(",", ":")))
        return json.dumps(claims(sub="x" * (size - bare)), separators=(",", ":"))


class TestClaims:
    @pytest.mark.parametrize("name", ["iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp"])
    def test_missing(self, name: str) -> None:
        assert is_refused(compact(payload=claims(**{name: ...})))

    @pytest.mark.parametrize("name", ["role", "azp", "nonce", "scope", "admin", "_uid"])
    def test_extra(self, name: str) -> None:
        assert is_refused(compact(payload=claims(**{name: "admin"})))

    @pytest.mark.parametrize("name", ["sub", "sid", "jti", "iss", "aud"])
    @pytest.mark.parametrize("value", [None, 1, 1.5, True, [], ["x"], {}, {"x": 1}])
    def test_text_of_another_type(self, name: str, value: object) -> None:
        assert is_refused(compact(payload=claims(**{name: value})))

    @pytest.mark.parametrize("name", ["sub", "sid", "jti"])
    @pytest.mark.parametrize("value", ["", "a b", "a\n", "' OR '1'='1", "%", "\x00", "\ud800", "é"])
    def test_text_that_we_would_not_write(self, name: str, value: str) -> None:
        assert is_refused(compact(payload=claims(**{name: value})))

    @pytest.mark.parametrize("name", ["iat", "nbf", "exp"])
    @pytest.mark.parametrize("kind", [str, float, bool, {}.get, lambda time: [time]], ids=range(5))
    def test_time_of_another_type(self, name: str, kind: Callable[[int], object]) -> None:
        value = kind(claims()[name])
        others = {"nbf": value} if name == "iat" else {"iat": value} if name == "nbf" else {}
        assert is_refused(compact(payload=claims(**{name: value, **others})))

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 400])
    def test_time_that_is_no_time(self, number: str) -> None:
        ends = claims()["exp"]
        text = json.dumps(claims()).replace(f'"exp": {ends}', f'"exp": {number}')
        assert number in text
        assert is_refused(compact(payload=text))

    @pytest.mark.parametrize("change", [-1, 1])
    def test_not_before_differs_from_issued_at(self, change: int) -> None:
        assert is_refused(compact(payload=claims(nbf=claims()["iat"] + change)))

    @pytest.mark.parametrize("value", ["", "other", "FASTAPI-PORTFOLIO", "fastapi-portfolio "])
    def test_wrong_issuer(self, value: str) -> None:
        assert is_refused(compact(payload=claims(iss=value)))

    @pytest.mark.parametrize(
        "value",
        [
            *("", "portfolio", "portfolio:refresh", "PORTFOLIO:COOKIE", "portfolio:cookie "),
            ["portfolio:cookie"],
            ["portfolio:access", "portfolio:cookie"],
            ["portfolio:cookie", "portfolio:cookie"],
        ],
    )
    def test_wrong_audience(self, value: object) -> None:
        assert is_refused(compact(payload=claims(aud=value)))

    @pytest.mark.parametrize(
        ("made_for", "presented_as"),
        [(Purpose.COOKIE, Purpose.ACCESS), (Purpose.ACCESS, Purpose.COOKIE)],
    )
    def test_one_purpose_for_another(self, made_for: Purpose, presented_as: Purpose) -> None:
        token = compact(payload=claims(aud=made_for.value))
        assert is_refused(token, presented_as)
        assert not is_refused(token, made_for)

    @pytest.mark.parametrize(
        "payload",
        [
            *("[]", "{}", "null", '"text"', "12345678", "true", "not json", "{" * 500, "[" * 525),
            *(b"\xff" * 30, b"\x00" * 30),
            json.dumps([claims()]),
            json.dumps(claims()) + "x",
            json.dumps(claims()) * 2,
        ],
    )
    def test_no_object_of_claims(self, payload: str | bytes) -> None:
        assert is_refused(compact(payload=payload))


class TestRefreshTokens:
    def test_another_session(self) -> None:
        mac = TokenCodec(RING).issue_refresh(SID, 3).rpartition(".")[2]
        assert self._is_refused(f"prt_{SID[::-1]}.3.{mac}")

    @pytest.mark.parametrize(
        "counter", ["2", "4", "30", "03", "3.0", "+3", "-3", " 3", "٣", "", "x"]
    )
    def test_another_counter_or_spelling(self, counter: str) -> None:
        mac = TokenCodec(RING).issue_refresh(SID, 3).rpartition(".")[2]
        assert self._is_refused(f"prt_{SID}.{counter}.{mac}")

    def test_zero_has_one_spelling(self) -> None:
        codec = TokenCodec(RING)
        token = codec.issue_refresh(SID, 0)
        assert codec.read_refresh(token) == (SID, 0)
        assert self._is_refused(token.replace(".0.", ".00."))

    def test_signed_with_another_key(self) -> None:
        assert self._is_refused(TokenCodec(KeyRing((OTHER_KEY,))).issue_refresh(SID, 3))

    def test_signed_with_the_key_of_the_other_tokens(self) -> None:
        """A key of its own: what signs JWTs does not sign refresh tokens."""
        mac = seal(f"{SID}.3").rpartition(".")[2]
        assert self._is_refused(f"prt_{SID}.3.{mac}")

    @pytest.mark.parametrize("junk", ["=", " ", "\n", "A", ".", "\x00"])
    def test_junk_around(self, junk: str) -> None:
        token = TokenCodec(RING).issue_refresh(SID, 3)
        assert self._is_refused(token + junk)
        assert self._is_refused(junk + token)

    def test_other_spelling_of_the_signature(self) -> None:
        token = TokenCodec(RING).issue_refresh(SID, 3)
        assert all(self._is_refused(text) for text in other_spellings(token))

    @pytest.mark.parametrize("text", ["", "prt_", GOOD, "prt_" + GOOD, "prt_a.0.b", "\ud800"])
    def test_no_refresh_token(self, text: str) -> None:
        assert self._is_refused(text)

    @pytest.mark.parametrize("sid", [SID[:-1], SID + "A", "é" * 16])
    def test_session_id_of_another_shape(self, sid: str) -> None:
        assert self._is_refused(TokenCodec(RING).issue_refresh(sid, 3))

    def test_counter_out_of_range(self) -> None:
        codec = TokenCodec(RING)
        assert codec.read_refresh(codec.issue_refresh(SID, 999_999_999)) == (SID, 999_999_999)
        assert self._is_refused(codec.issue_refresh(SID, 1_000_000_000))

    def test_is_no_access_token(self) -> None:
        token = TokenCodec(RING).issue_refresh(SID, 3)
        assert all(is_refused(token, purpose) for purpose in Purpose)

    def test_those_that_are_out_stay_good(self) -> None:
        """How they are made may not change, or every script has to log in again."""
        token = "prt_Zk3vJx9q0aQbT1uE.3.uZ6Yox4KKb9UJ8tFUzNCbSYXCPRzbP6PCndM5h5kAoY"
        assert TokenCodec(RING).issue_refresh(SID, 3) == token
        assert TokenCodec(RING).read_refresh(token) == (SID, 3)

    def test_an_older_key_of_the_ring_still_reads(self) -> None:
        token = TokenCodec(KeyRing((OTHER_KEY,))).issue_refresh(SID, 3)
        both = TokenCodec(KeyRing((OTHER_KEY, KEY)))
        assert both.read_refresh(token) == (SID, 3)
        assert both.issue_refresh(SID, 3) != token

    @staticmethod
    def _is_refused(token: str) -> bool:
        try:
            TokenCodec(RING).read_refresh(token)
        except RefreshTokenInvalid:
            return True
        return False
