"""Tokens altered in every way at once, with two other libraries as judges.

Whatever our codec accepts, PyJWT and joserfc accept as well, and read the same claims in it; so
what either of them refuses is refused by ours. Most alterations are signed again with the real key:
what is wrong with them then is what they say.
"""

import json
from typing import Any

import jwt as pyjwt
from hypothesis import event, given
from hypothesis import strategies as st
from joserfc import jwt as joserfc
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from app.errors import RefreshTokenInvalid, TokenInvalid
from app.tokens import ISSUER, Claims, Purpose, TokenCodec
from tests.forgery import KEY, NOW, RING, base64url, claims, header_text, seal

NAMES = ["iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp"]
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
START = int(NOW.timestamp())

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(START - 3600, START + 3600)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([ISSUER, *Purpose, "HS256", "none", KEY.kid, "JWT"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def headers(draw: st.DrawFn) -> str:
    """The header of our tokens, as it is or with something about it changed."""
    text = header_text()
    match draw(st.sampled_from(["as it is", "as it is", "member", "spelling", "twice"])):
        case "member":
            extra = ["alg", "kid", "typ", "crit", "b64", "zip", "jku", "jwk", "cty"]
            return header_text(**{draw(st.sampled_from(extra)): draw(values)})
        case "spelling":
            return json.dumps(json.loads(text), indent=draw(st.sampled_from([None, 0, 1])))
        case "twice":
            return text.replace("{", f'{{"alg":{json.dumps(draw(values))},', 1)
    return text


@st.composite
def payloads(draw: st.DrawFn) -> str:
    """Claims: some missing, of another kind, in another order or spelling, or there twice."""
    members: dict[str, Any] = claims()
    for name in draw(st.lists(st.sampled_from([*NAMES, "role"]), max_size=2)):
        members[name] = draw(st.just(...) | values)
    kept = [item for item in members.items() if item[1] is not ...]
    kept = draw(st.permutations(kept)) if draw(st.booleans()) else kept
    text = json.dumps(
        dict(kept),
        separators=draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t:")])),
        ensure_ascii=draw(st.booleans()),
    )
    if draw(st.integers(0, 9)) == 0:
        name = draw(st.sampled_from(NAMES))
        text = text.replace("{", f"{{{json.dumps(name)}:{json.dumps(draw(values))},", 1)
    return text


@st.composite
def tokens(draw: st.DrawFn) -> str:
    """A token signed with the real key, perhaps touched once more afterwards."""
    payload = draw(payloads()).encode(errors="surrogatepass")
    token = seal(
        f"{base64url(draw(headers()).encode(errors='surrogatepass'))}.{base64url(payload)}"
    )
    place = draw(st.integers(0, len(token) - 1))
    match draw(st.sampled_from([*["as it is"] * 4, "letter", "bit", "cut", "more", "last"])):
        case "letter":
            return token[:place] + draw(st.sampled_from(ALPHABET)) + token[place + 1 :]
        case "bit":
            flipped = chr(ord(token[place]) ^ (1 << draw(st.integers(0, 6))))
            return token[:place] + flipped + token[place + 1 :]
        case "cut":
            return token[:place]
        case "more":
            junk = draw(st.sampled_from(["=", " ", "\n", ".", "\u200b", "\x00", "A", "%20"]))
            return token[:place] + junk + token[place:]
        case "last":
            return token[:-1] + draw(st.sampled_from(ALPHABET))
    return token


def ours(token: str, purpose: Purpose) -> Claims | None:
    return TokenCodec(RING).inspect(token, purpose)


def judge_pyjwt(token: str, purpose: Purpose) -> dict[str, Any] | None:
    """Return the claims that PyJWT reads; of time it has its own idea, which is not asked for."""
    try:
        found: dict[str, Any] = pyjwt.decode(
            token,
            KEY.secret,
            algorithms=["HS256"],
            audience=purpose.value,
            issuer=ISSUER,
            options={
                "require": NAMES,
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "strict_aud": True,
            },
        )
    except (pyjwt.PyJWTError, ValueError):
        return None
    return found


def judge_joserfc(token: str, purpose: Purpose) -> dict[str, Any] | None:
    """Return the claims that joserfc reads, at the time of the tests."""
    try:
        found = joserfc.decode(token, OctKey.import_key(KEY.secret), algorithms=["HS256"])
        needed = {name: {"essential": True} for name in NAMES}
        required: Any = {**needed, "iss": {"value": ISSUER}, "aud": {"value": purpose.value}}
        joserfc.JWTClaimsRegistry(now=START, leeway=10**12, **required).validate(found.claims)
    except (JoseError, ValueError):
        return None
    return dict(found.claims)


@given(token=tokens(), purpose=st.sampled_from(Purpose))
def test_what_we_accept_they_accept(token: str, purpose: Purpose) -> None:
    mine = ours(token, purpose)
    event("accepted" if mine is not None else "refused")
    if mine is None:
        return
    for judge in (judge_pyjwt, judge_joserfc):
        theirs = judge(token, purpose)
        assert theirs is not None, judge.__name__
        assert (theirs["iss"], theirs["aud"]) == (ISSUER, purpose.value)
        assert (theirs["sub"], theirs["sid"], theirs["jti"]) == (mine.sub, mine.sid, mine.jti)
        assert (theirs["iat"], theirs["exp"]) == (mine.iat.timestamp(), mine.exp.timestamp())
        assert theirs["nbf"] == theirs["iat"]


@given(token=tokens())
def test_one_purpose_at_most(token: str) -> None:
    assert sum(ours(token, purpose) is not None for purpose in Purpose) <= 1


@given(text=st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_refused_as_a_token_is(text: str) -> None:
    codec = TokenCodec(RING)
    for purpose in Purpose:
        try:
            codec.verify(text, purpose, now=NOW)
        except TokenInvalid:
            continue
        raise AssertionError(text)


@given(
    sid=st.text(ALPHABET, min_size=16, max_size=16),
    counter=st.integers(0, 999_999_999),
    place=st.integers(0, 60),
    letter=st.sampled_from(ALPHABET + "=. \n٣"),
)
def test_a_refresh_token_has_one_spelling(sid: str, counter: int, place: int, letter: str) -> None:
    codec = TokenCodec(RING)
    token = codec.issue_refresh(sid, counter)
    assert codec.read_refresh(token) == (sid, counter)
    touched = token[:place] + letter + token[place + 1 :]
    if touched != token:
        try:
            codec.read_refresh(touched)
        except RefreshTokenInvalid:
            return
        raise AssertionError(touched)


class TestJudges:
    """That they agree on what is good, so that their verdict means something."""

    def test_a_good_one(self) -> None:
        token = seal(
            f"{base64url(header_text().encode())}.{base64url(json.dumps(claims()).encode())}"
        )
        for judge in (judge_pyjwt, judge_joserfc):
            assert judge(token, Purpose.COOKIE) == claims()
            assert judge(token, Purpose.ACCESS) is None
            assert judge(token[:-2] + "AA", Purpose.COOKIE) is None
        assert ours(token, Purpose.COOKIE) is not None
