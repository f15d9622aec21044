"""JSON as RFC 8259 has it: what Python's parser takes beyond that is refused, and so are excesses.

Beyond it are NaN and Infinity, other encodings than UTF-8, a byte order mark, and names that occur
twice in one object, which two readers understand in two ways. Excesses are what exhausts a reader:
nesting without end, numbers of thousands of digits, thousands of parts.
"""

import json
import math
import re
from itertools import accumulate
from typing import Any, NoReturn

MAX_DEPTH = 64
MAX_PARTS = 5_000
MAX_DIGITS = 100

_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_CONSTANT = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|(NaN|-?Infinity)', re.DOTALL)
# Where a fault is whose position is not known.
NOWHERE = -1


class _Refused(ValueError):
    """What a hook of the parser has against a value. It knows no position."""


class _NoNumber(_Refused):
    """The same, of a name that stands where a value belongs: it is found again."""


def loads(raw: bytes) -> Any:
    """Return what stands in a JSON document.

    Raises:
        json.JSONDecodeError: it is none; with what is wrong and, if that
            is known, where; without the document.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise _fault("Not UTF-8", error.start) from None
    _check_shape(raw)
    try:
        return json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_bounded,
            object_pairs_hook=_unique,
        )
    except json.JSONDecodeError as error:
        raise _fault(error.msg, error.pos) from None
    except _NoNumber as error:
        raise _fault(str(error), _find_constant(text)) from None
    except _Refused as error:
        raise _fault(str(error)) from None


def _fault(message: str, position: int = NOWHERE) -> json.JSONDecodeError:
    # The document stays out of it: whoever logs the error would log passwords.
    fault = json.JSONDecodeError(message, "", 0)
    fault.pos = position
    return fault


def _check_shape(raw: bytes) -> None:
    """Refuse what is too deep or has too many parts, before anything is built from it."""
    openings = raw.count(b"[") + raw.count(b"{")
    if openings <= MAX_DEPTH and raw.count(b",") <= MAX_PARTS:
        return
    # What stands in texts counts for nothing.
    bare = _TEXT.sub(b"", raw)
    if bare.count(b",") + bare.count(b"[") + bare.count(b"{") > MAX_PARTS:
        raise _fault("Too many parts")
    depths = accumulate(_STEPS[byte] for byte in bare if byte in _STEPS)
    if max(depths, default=0) > MAX_DEPTH:
        raise _fault("Nested too deeply")


def _refuse_constant(_name: str) -> NoReturn:
    raise _NoNumber("Not a number of JSON")


def _find_constant(text: str) -> int:
    return next(match.start() for match in _CONSTANT.finditer(text) if match[1])


def _bounded(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise _Refused("A number has too many digits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits) if len(digits) <= MAX_DIGITS else math.inf
    if not math.isfinite(value):
        raise _Refused("A number is too large")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Refused("A name occurs twice in an object")
    return found
