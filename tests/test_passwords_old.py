"""Hashes of the old servers in the hasher: verified once, then made anew; told apart by no time."""

from collections.abc import Callable

import pytest

from app.passwords import PasswordHasher
from tests.legacy.old_hashes import hmac_hash, pbkdf2_hash, scrypt_hash
from tests.test_passwords import COMPOSED, DECOMPOSED, PASSWORD, Costs, Hashers, costs, hashers

__all__ = ["costs", "hashers"]

Make = Callable[[str], str]
CHEAP: dict[str, Make] = {
    "hmac": hmac_hash,
    "pbkdf2": lambda text: pbkdf2_hash(text, 1),
    "scrypt": scrypt_hash,
}
FORMATS = pytest.mark.parametrize("make", CHEAP.values(), ids=CHEAP)


@pytest.fixture
def hasher(hashers: Hashers) -> PasswordHasher:
    return hashers()


@FORMATS
class TestRefuses:
    @pytest.mark.parametrize("wrong", ["", PASSWORD + " ", PASSWORD.upper()])
    async def test_wrong_password(self, hasher: PasswordHasher, make: Make, wrong: str) -> None:
        assert await hasher.verify(wrong, make(PASSWORD)) == (False, None)

    @pytest.mark.parametrize("published", ["123toby", "123hop", "123qwerty", "password"])
    async def test_published_password(
        self, hasher: PasswordHasher, make: Make, published: str
    ) -> None:
        assert await hasher.verify(published, make(published)) == (False, None)

    async def test_after_the_work_of_an_ordinary_login(
        self, hashers: Hashers, costs: Costs, make: Make
    ) -> None:
        hasher = hashers(argon2_memory_kib=16, argon2_time=3)
        for attempt in ("wrong", "123toby"):
            await hasher.verify(attempt, make("123toby"))
        assert costs.spent == [(16, 3), (16, 3)]


@FORMATS
class TestUpgrade:
    async def test_to_argon2id_that_opens_to_the_same_password(
        self, hasher: PasswordHasher, make: Make
    ) -> None:
        is_match, stronger = await hasher.verify(PASSWORD, make(PASSWORD))
        assert is_match
        assert stronger is not None
        assert stronger.startswith("$argon2id$")
        assert await hasher.verify(PASSWORD, stronger) == (True, None)

    @pytest.mark.parametrize("hashed", [COMPOSED, DECOMPOSED], ids=["nfc", "nfd"])
    async def test_of_accents_as_they_were_typed_then(
        self, hasher: PasswordHasher, make: Make, hashed: str
    ) -> None:
        is_match, stronger = await hasher.verify(hashed, make(hashed))
        assert is_match
        assert stronger is not None
        for typed in (COMPOSED, DECOMPOSED):
            assert await hasher.verify(typed, stronger) == (True, None)

    async def test_of_accents_typed_on_another_keyboard(
        self, hasher: PasswordHasher, make: Make
    ) -> None:
        is_match, _ = await hasher.verify(DECOMPOSED, make(COMPOSED))
        assert is_match
