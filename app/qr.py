"""QR codes, for a secret that a telephone reads off a screen. Draws the modules, and no picture.

Of ISO/IEC 18004 what is needed for that: text as bytes, error correction M (15 % may be missing),
versions 1 to 10, and of the eight masks the one that the standard's penalties choose.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

# What a text may have at most, in bytes.
MAX_BYTES = 213

# By version: codewords for error correction in each block, then how many blocks hold how much.
_BLOCKS: tuple[tuple[int, tuple[tuple[int, int], ...]], ...] = (
    (10, ((1, 16),)),
    (16, ((1, 28),)),
    (26, ((1, 44),)),
    (18, ((2, 32),)),
    (24, ((2, 43),)),
    (16, ((4, 27),)),
    (18, ((4, 31),)),
    (22, ((2, 38), (2, 39))),
    (22, ((3, 36), (2, 37))),
    (26, ((4, 43), (1, 44))),
)
_BYTE_MODE = 0b0100
_LONG_COUNT, _WITH_VERSION = 10, 7
_PADDING = (0xEC, 0x11)
# Level M is 00 in the format; the generators of both BCH codes, and what hides an empty format.
_FORMAT_GENERATOR, _FORMAT_MASK, _VERSION_GENERATOR = 0x537, 0x5412, 0x1F25
_FIELD = 0x11D
_TIMING = 6

_MASKS: tuple[Callable[[int, int], bool], ...] = (
    lambda row, column: (row + column) % 2 == 0,
    lambda row, _: row % 2 == 0,
    lambda _, column: column % 3 == 0,
    lambda row, column: (row + column) % 3 == 0,
    lambda row, column: (row // 2 + column // 3) % 2 == 0,
    lambda row, column: row * column % 2 + row * column % 3 == 0,
    lambda row, column: (row * column % 2 + row * column % 3) % 2 == 0,
    lambda row, column: ((row + column) % 2 + row * column % 3) % 2 == 0,
)
# A finder's dark and light modules with four light ones at its side, which readers might mistake.
_LIKE_A_FINDER = (
    bytes((1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 0)),
    bytes((0, 0, 0, 0, 1, 0, 1, 1, 1, 0, 1)),
)

Modules = Sequence[Sequence[bool]]


class TooLong(ValueError):
    """The text does not fit into the largest of these codes."""


@dataclass(frozen=True, slots=True)
class QRCode:
    """A code's modules by row: true is dark. Around it readers want a margin of four."""

    modules: Modules

    @property
    def path(self) -> str:
        """The dark modules as the `d` of an SVG path, a unit each."""
        return "".join(
            f"M{column} {row}h{length}v1h-{length}z"
            for row, line in enumerate(self.modules)
            for column, length in _dark_runs(line)
        )


def _dark_runs(line: Sequence[bool]) -> Iterator[tuple[int, int]]:
    column = 0
    for is_dark, run in groupby(line):
        length = len(list(run))
        if is_dark:
            yield column, length
        column += length


def encode(text: str, *, mask: int | None = None) -> QRCode:
    """Return the smallest code that holds a text, with the best mask unless one is named.

    Raises:
        TooLong: there is none.
    """
    content = text.encode()
    version = _choose_version(len(content))
    stream = _interleave(_fill(content, version), version)
    masks = range(len(_MASKS)) if mask is None else (mask,)
    return QRCode(min((_Drawing(version, stream, choice).modules for choice in masks), key=penalty))


def _capacity(version: int) -> int:
    """Return how many codewords of a version hold content."""
    return sum(count * size for count, size in _BLOCKS[version - 1][1])


def _count_bits(version: int) -> int:
    return 16 if version >= _LONG_COUNT else 8


def _choose_version(size: int) -> int:
    for version in range(1, len(_BLOCKS) + 1):
        if 4 + _count_bits(version) + 8 * size <= 8 * _capacity(version):
            return version
    raise TooLong(f"A text has at most {MAX_BYTES} bytes.")


def _fill(content: bytes, version: int) -> bytes:
    """Return the codewords that hold a content: what it is, its length, itself, an end, padding."""
    length = _count_bits(version)
    bits = f"{_BYTE_MODE:04b}{len(content):0{length}b}" + "".join(f"{byte:08b}" for byte in content)
    bits += "0" * min(4, 8 * _capacity(version) - len(bits))
    bits += "0" * (-len(bits) % 8)
    words = bytearray(int(bits[start : start + 8], 2) for start in range(0, len(bits), 8))
    for place in range(_capacity(version) - len(words)):
        words.append(_PADDING[place % 2])
    return bytes(words)


def _interleave(words: bytes, version: int) -> list[bool]:
    """Return the bits to draw: of each block's content in turn, then of each one's correction."""
    size, groups = _BLOCKS[version - 1]
    blocks, start = [], 0
    for count, length in groups:
        for _ in range(count):
            blocks.append(words[start : start + length])
            start += length
    corrections = [_correct(block, size) for block in blocks]
    mixed = [
        block[place]
        for kind in (blocks, corrections)
        for place in range(max(map(len, kind)))
        for block in kind
        if place < len(block)
    ]
    return [bool(word >> bit & 1) for word in mixed for bit in range(7, -1, -1)]


def _multiply(left: int, right: int) -> int:
    """Multiply in the field of 256 elements that Reed-Solomon codes are made in."""
    product = 0
    for bit in range(7, -1, -1):
        product = product << 1 ^ (product >> 7) * _FIELD
        product ^= (right >> bit & 1) * left
    return product


def _correct(block: bytes, size: int) -> bytes:
    """Return a block's error correction: what is left when a generator divides it."""
    generator, root = [1], 1
    for _ in range(size):
        # Times (x - root); without the leading 1, which is the same for all of them.
        shifted = [*generator, 0]
        for place, factor in enumerate(generator):
            shifted[place + 1] ^= _multiply(factor, root)
        generator, root = shifted, _multiply(root, 2)
    rest = [0] * size
    for word in block:
        factor = word ^ rest[0]
        rest = [
            item ^ _multiply(factor, part)
            for item, part in zip([*rest[1:], 0], generator[1:], strict=True)
        ]
    return bytes(rest)


class _Drawing:
    """A square of modules, and which of them belong to patterns."""

    def __init__(self, version: int, stream: list[bool], mask: int) -> None:
        self.size = 17 + 4 * version
        self.modules = [[False] * self.size for _ in range(self.size)]
        self._is_taken = [[False] * self.size for _ in range(self.size)]
        self._draw_patterns(version)
        self._draw_format(mask)
        if version >= _WITH_VERSION:
            self._draw_version(version)
        self._draw_stream(stream, _MASKS[mask])

    def _set(self, row: int, column: int, *, is_dark: bool) -> None:
        self.modules[row][column] = is_dark
        self._is_taken[row][column] = True

    def _draw_patterns(self, version: int) -> None:
        last = self.size - 1
        for place in range(self.size):
            self._set(_TIMING, place, is_dark=place % 2 == 0)
            self._set(place, _TIMING, is_dark=place % 2 == 0)
        corners = ((3, 3), (3, last - 3), (last - 3, 3))
        for row, column in corners:
            # With the light line around it.
            self._draw_square(row, column, 4, {2, 4})
        centres = _centres(version)
        for row in centres:
            for column in centres:
                if (row, column) not in {(6, 6), (6, last - 6), (last - 6, 6)}:
                    self._draw_square(row, column, 2, {1})

    def _draw_square(self, row: int, column: int, reach: int, light: set[int]) -> None:
        """Draw rings around a centre; `light` are the distances of those that are light."""
        for down in range(-reach, reach + 1):
            for right in range(-reach, reach + 1):
                if 0 <= row + down < self.size and 0 <= column + right < self.size:
                    is_dark = max(abs(down), abs(right)) not in light
                    self._set(row + down, column + right, is_dark=is_dark)

    def _draw_format(self, mask: int) -> None:
        bits = with_check(mask, _FORMAT_GENERATOR) ^ _FORMAT_MASK
        last = self.size - 1
        # Around the first corner, and once more divided among the other two.
        around = [(8, place) for place in (0, 1, 2, 3, 4, 5, 7, 8)]
        around += [(place, 8) for place in (7, 5, 4, 3, 2, 1, 0)]
        divided = [(last - place, 8) for place in range(7)]
        divided += [(8, last - place) for place in range(7, -1, -1)]
        for places in (around, divided):
            for bit, (row, column) in zip(range(14, -1, -1), places, strict=True):
                self._set(row, column, is_dark=bool(bits >> bit & 1))
        self._set(last - 7, 8, is_dark=True)

    def _draw_version(self, version: int) -> None:
        bits = with_check(version, _VERSION_GENERATOR)
        for bit in range(18):
            is_dark = bool(bits >> bit & 1)
            near, far = bit // 3, self.size - 11 + bit % 3
            self._set(near, far, is_dark=is_dark)
            self._set(far, near, is_dark=is_dark)

    def _draw_stream(self, stream: list[bool], mask: Callable[[int, int], bool]) -> None:
        """Fill what is left in columns of two, from the right, going up and down in turn."""
        bits = iter(stream)
        rights = [*range(self.size - 1, _TIMING, -2), *range(_TIMING - 1, 0, -2)]
        for turn, right in enumerate(rights):
            rows = range(self.size) if turn % 2 else range(self.size - 1, -1, -1)
            for row in rows:
                for column in (right, right - 1):
                    if not self._is_taken[row][column]:
                        # The last few modules have no bits of their own.
                        self.modules[row][column] = next(bits, False) != mask(row, column)


def _centres(version: int) -> tuple[int, ...]:
    """Return where the centres of alignment patterns are, along either side."""
    last = 10 + 4 * version
    if version >= _WITH_VERSION:
        return (_TIMING, 8 + 2 * version, last)
    return (_TIMING, last) if version > 1 else ()


def with_check(value: int, generator: int) -> int:
    """Return a value with the remainder of a BCH code behind it."""
    length = generator.bit_length() - 1
    rest = value << length
    while rest.bit_length() > length:
        rest ^= generator << (rest.bit_length() - length - 1)
    return value << length | rest


def penalty(modules: Modules) -> int:
    """Return how hard a code is to read by the standard's four features; less is better."""
    columns = [list(column) for column in zip(*modules, strict=True)]
    lines = [*modules, *columns]
    return (
        sum(_penalise_runs(line) + _penalise_finders(line) for line in lines)
        + _penalise_blocks(modules)
        + _penalise_shade(modules)
    )


def _penalise_runs(line: Sequence[bool]) -> int:
    """Three points for five modules of one colour in a row, and one for each more."""
    runs = (len(list(run)) for _, run in groupby(line))
    return sum(length - 2 for length in runs if length >= 5)  # noqa: PLR2004


def _penalise_finders(line: Sequence[bool]) -> int:
    """Forty points for what looks like a finder."""
    text = bytes(line)
    starts = range(len(text) - len(_LIKE_A_FINDER[0]) + 1)
    return 40 * sum(text.startswith(_LIKE_A_FINDER, start) for start in starts)


def _penalise_blocks(modules: Modules) -> int:
    """Three points for each square of two by two modules of one colour."""
    return 3 * sum(
        above[column] == above[column + 1] == below[column] == below[column + 1]
        for above, below in pairwise(modules)
        for column in range(len(above) - 1)
    )


def _penalise_shade(modules: Modules) -> int:
    """Ten points for each five per cent by which more than half is dark, or light."""
    dark, total = sum(map(sum, modules)), len(modules) ** 2
    return 10 * (abs(20 * dark - 10 * total) // total)
