"""Pictures for tests, made on the spot: nobody's face, and nothing that had to be fetched."""

import struct
import zlib
from functools import cache
from io import BytesIO
from typing import Any

from PIL import Image

RED, BLUE = (200, 30, 30), (30, 30, 200)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return the file of an image."""
    written = BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


def halves(width: int = 80, height: int = 60, mode: str = "RGB") -> Image.Image:
    """Return a picture that is red on the left and blue on the right."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image.convert(mode)


def photo(kind: str = "JPEG", **options: Any) -> bytes:
    """Return the file of a small picture."""
    return encode(halves(), kind, **options)


def read(webp: bytes) -> Image.Image:
    """Return the picture of a WebP file."""
    image = Image.open(BytesIO(webp), formats=["WEBP"])
    image.load()
    return image


def colour(image: Image.Image, x: float, y: float) -> str:
    """Say what is seen at a place, given in parts of the sides."""
    place = (int(x * (image.width - 1)), int(y * (image.height - 1)))
    pixel = image.convert("RGBA").getpixel(place)
    assert isinstance(pixel, tuple)
    red, green, blue, alpha = pixel
    if alpha < 128:
        return "nothing"
    if max(red, green, blue) - min(red, green, blue) < 40:
        return "white" if red > 200 else "black" if red < 60 else "grey"
    return "red" if red > blue else "blue"


@cache
def png_of(width: int, height: int, *, is_rgb: bool = False) -> bytes:
    """Return a black PNG of any size, written row by row: a bomb takes no memory here.

    It has one bit for each pixel, or three bytes, which take longer to unpack.
    """

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    deflate = zlib.compressobj(1)
    row = bytes(1 + (3 * width if is_rgb else (width + 7) // 8))
    packed = b"".join(deflate.compress(row) for _ in range(height)) + deflate.flush()
    header = struct.pack(">IIBBBBB", width, height, 8 if is_rgb else 1, 2 if is_rgb else 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
