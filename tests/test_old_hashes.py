"""The old servers' hashes: what is one, what would cost too much, and what they open.

The hashes are made here with hashlib, as Werkzeug makes them: a method, a salt, and the digest in
hexadecimal digits. Three are vectors of the RFCs, so that ours and these cannot err alike.
"""

from collections.abc import Callable

import pytest

from app.old_hashes import (
    PUBLISHED_PASSWORDS,
    count_rounds,
    is_old_hash,
    matches,
    published_passwords,
)
from tests.legacy.old_hashes import hmac_hash, pbkdf2_hash, scrypt_hash

PASSWORD = "correct horse battery"
DIGEST = "0" * 64
TOO_COSTLY = [
    f"pbkdf2:sha256:2000001$salt${DIGEST}",
    f"pbkdf2:sha256:9999999$salt${DIGEST}",
    f"pbkdf2:sha256:99999999999$salt${DIGEST}",
    f"scrypt:1048576:8:1$salt${DIGEST * 2}",
    f"scrypt:32768:32:1$salt${DIGEST * 2}",
    f"scrypt:32768:8:99$salt${DIGEST * 2}",
    f"scrypt:99999999999:8:1$salt${DIGEST * 2}",
]
MALFORMED = [
    *("", "!", "sha256", "sha256$", "sha256$$", "$$$", PASSWORD, "\x00", "\ud800", "x" * 5000),
    f"sha256$${DIGEST}",
    f"sha256$salt${DIGEST[1:]}",
    f"sha256$salt${DIGEST}0",
    f"sha256$salt${DIGEST}\n",
    f" sha256$salt${DIGEST}",
    f"sha256$salt${DIGEST * 2}",
    f"sha256$sa$lt${DIGEST}",
    f"sha256${'s' * 65}${DIGEST}",
    f"sha256$sält${DIGEST}",
    f"sha256$salt${'G' * 64}",
    f"sha1$salt${DIGEST[:40]}",
    f"md5$salt${DIGEST[:32]}",
    f"pbkdf2:sha256:0$salt${DIGEST}",
    f"pbkdf2:sha256:-1$salt${DIGEST}",
    f"pbkdf2:sha256:1e3$salt${DIGEST}",
    f"pbkdf2:sha256:$salt${DIGEST}",
    f"pbkdf2:sha256$salt${DIGEST}",
    f"pbkdf2:sha1:1000$salt${DIGEST[:40]}",
    f"pbkdf2:sha512:1000$salt${DIGEST * 2}",
    f"pbkdf2:sha256:1000$salt${DIGEST * 2}",
    f"pbkdf2:sha256:\u0661\u0660$salt${DIGEST}",
    f"scrypt:32768:8:1$salt${DIGEST}",
    f"scrypt:32767:8:1$salt${DIGEST * 2}",
    f"scrypt:1:8:1$salt${DIGEST * 2}",
    f"scrypt:65536:1:1$salt${DIGEST * 2}",
    f"scrypt:0:8:1$salt${DIGEST * 2}",
    f"scrypt:32768:0:1$salt${DIGEST * 2}",
    f"scrypt:32768:8$salt${DIGEST * 2}",
    "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43,
    "$2b$12$" + "a" * 53,
]


@pytest.mark.parametrize("text", [*TOO_COSTLY, *MALFORMED])
def test_what_is_no_old_hash(text: str) -> None:
    assert not is_old_hash(text)
    with pytest.raises(ValueError, match="Not a hash"):
        matches(PASSWORD, text)


# Made when they are needed: some take a third of a second.
KNOWN: dict[str, Callable[[], str]] = {
    "sha256": lambda: hmac_hash(PASSWORD),
    "pbkdf2:sha256:1": lambda: pbkdf2_hash(PASSWORD, 1),
    "pbkdf2:sha256:260000": lambda: pbkdf2_hash(PASSWORD, 260_000, salt="tenletters"),
    "pbkdf2:sha256:600000": lambda: pbkdf2_hash(PASSWORD, 600_000),
    "pbkdf2:sha256:1000000": lambda: pbkdf2_hash(PASSWORD, 1_000_000),
    "scrypt:32768:8:1": lambda: scrypt_hash(PASSWORD),
    "scrypt:65536:8:1": lambda: scrypt_hash(PASSWORD, n=65536, r=8, p=1),
    "scrypt:2:1:1": lambda: scrypt_hash(PASSWORD, n=2, r=1, p=1),
}


@pytest.mark.parametrize("kind", KNOWN)
class TestMatches:
    def test_the_right_password_alone(self, kind: str) -> None:
        known = KNOWN[kind]()
        assert known.startswith(f"{kind}$")
        assert is_old_hash(known)
        assert not matches(PASSWORD + " ", known)
        assert not matches("", known)
        assert matches(PASSWORD, known)

    def test_a_changed_digest_opens_to_nobody(self, kind: str) -> None:
        known = KNOWN[kind]()
        last = "1" if known[-1] == "0" else "0"
        assert not matches(PASSWORD, known[:-1] + last)


@pytest.mark.parametrize(
    ("password", "known"),
    [
        # RFC 4231, test case 2: the salt is the key.
        (
            "what do ya want for nothing?",
            "sha256$Jefe$5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        # RFC 7914, section 11: PBKDF2 with HMAC-SHA-256 (the first 32 of its 64 bytes).
        (
            "passwd",
            "pbkdf2:sha256:1$salt$55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc",
        ),
        # RFC 7914, section 12: scrypt.
        (
            "pleaseletmein",
            (
                "scrypt:16384:8:1$SodiumChloride$7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3e"
                "a9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
            ),
        ),
    ],
    ids=["hmac", "pbkdf2", "scrypt"],
)
def test_published_vectors(password: str, known: str) -> None:
    assert matches(password, known)


def test_passwords_of_the_old_servers_own_accounts() -> None:
    assert {"123toby", "123hop", "123niko", "123qwerty", "password"} <= PUBLISHED_PASSWORDS
    assert published_passwords("toby")[:2] == ("123toby", "123Toby!")


@pytest.mark.parametrize(
    ("text", "rounds"),
    [
        (f"pbkdf2:sha256:600000$salt${DIGEST}", 600_000),
        (f"scrypt:32768:8:1$salt${DIGEST * 2}", 262_144),
        (f"sha256$salt${DIGEST}", 1),
        (PASSWORD, 0),
    ],
)
def test_what_comparing_costs(text: str, rounds: int) -> None:
    assert count_rounds(text) == rounds
