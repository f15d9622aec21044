"""What the names in a token mean, in words of our own: for the token page and its paste box.

Header names are RFC 7515's, claims RFC 7519's; a few that other issuers use often are explained
too, because people paste their tokens here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_MOMENTS = frozenset({"exp", "nbf", "iat"})


@dataclass(frozen=True, slots=True)
class Word:
    """A name in a header or payload: its title, what the standard says, why it matters."""

    kind: str
    name: str
    title: str
    meaning: str
    why: str


@dataclass(frozen=True, slots=True)
class Row:
    """One name of a real token with its value; a time also as a moment."""

    name: str
    title: str
    meaning: str
    why: str
    value: str
    moment: datetime | None


_HEADER = (
    (
        "alg",
        "Algorithm",
        "How the signature is made.",
        "A server must know which one it accepts; believing this line let forged tokens in.",
    ),
    ("typ", "Type", "What kind of thing this is.", "JWT says that the payload holds claims."),
    (
        "kid",
        "Key id",
        "Which of the issuer's keys signed it.",
        "So keys can be replaced one after the other without ending every login.",
    ),
    (
        "cty",
        "Content type",
        "What the payload holds, where that is not plain claims.",
        "Seen in tokens that hold another token.",
    ),
    (
        "jku",
        "Key address",
        "Where the issuer's keys are said to be.",
        "A server that fetches keys from here trusts whoever wrote the token.",
    ),
    (
        "jwk",
        "Key",
        "The key the token is said to be signed with.",
        "A server that believes it trusts whoever wrote the token.",
    ),
    (
        "crit",
        "Must understand",
        "Names of extensions that a reader must know, or refuse the token.",
        "Readers that skip it are a known hole.",
    ),
)
_PAYLOAD = (
    (
        "iss",
        "Issuer",
        "Who made the token.",
        "A token of another maker is refused, even if its signature fits.",
    ),
    (
        "sub",
        "Subject",
        "Whom the token is about.",
        "Ours is a random number, so that a token seen by others names nobody.",
    ),
    (
        "aud",
        "Audience",
        "Who is meant to accept it.",
        "It keeps a cookie's token from being used as a script's, and the other way round.",
    ),
    (
        "exp",
        "Expires",
        "From this moment on it must be refused.",
        "A lost token does harm for that long at most.",
    ),
    (
        "nbf",
        "Not before",
        "Until this moment it must be refused.",
        "Ours are good at once, so it is the moment of issue.",
    ),
    (
        "iat",
        "Issued",
        "When the token was made.",
        "It says how old the proof of who you are is.",
    ),
    (
        "jti",
        "Token id",
        "A name for this one token, never given twice.",
        "Two tokens made in the same second still differ.",
    ),
    (
        "sid",
        "Session id",
        "Which login the token belongs to; not in RFC 7519, but listed beside its claims.",
        "The server looks it up on every request. That is how a logout kills the token.",
    ),
    ("name", "Name", "Somebody's full name.", "Anyone who holds the token can read it."),
    ("email", "E-mail", "An e-mail address.", "Anyone who holds the token can read it."),
    (
        "scope",
        "Scope",
        "What the token allows, as a list of words.",
        "Less is safer.",
    ),
    (
        "role",
        "Role",
        "What its holder may do, as of the day it was made.",
        "A change shows only in the next token, so ours carries none.",
    ),
    (
        "nonce",
        "Nonce",
        "A random value that ties the token to one attempt to log in.",
        "It stops an old answer from being played again.",
    ),
    (
        "azp",
        "Authorised party",
        "Which program the token was made for.",
        "It matters where several programs share one issuer.",
    ),
)

WORDS = tuple(
    Word(kind, *words)
    for kind, many in (("header", _HEADER), ("payload", _PAYLOAD))
    for words in many
)
_BY_NAME = {(word.kind, word.name): word for word in WORDS}


def explain(kind: str, values: Mapping[str, Any]) -> Iterable[Row]:
    """Yield a row for every name of a token of ours, in the token's own order."""
    for name, value in values.items():
        word = _BY_NAME[kind, name]
        moment = datetime.fromtimestamp(value, UTC) if name in _MOMENTS else None
        yield Row(name, word.title, word.meaning, word.why, str(value), moment)


COOKIE_ATTRIBUTES = {
    "Path=/": "It goes along with every address of this server.",
    "HttpOnly": "Scripts cannot read it, so a hole in a page does not give it away.",
    "Secure": "It travels encrypted only, or within this machine.",
    "SameSite=Lax": "Other sites' pages cannot send it along, except by a plain link to here.",
    "SameSite=None": "Pages on other sites may send it along. You logged in from one.",
    "Partitioned": "Each site that sends it has a jar of its own, so nobody is tracked.",
}
