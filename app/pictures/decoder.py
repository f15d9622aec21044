"""The program that decodes one picture: bytes come in on standard input, a WebP goes out.

The only module that imports PIL. It is run, never imported by the server: decoders are where a
made-up file does harm, so each picture gets a process that has next to nothing. Before it reads a
byte it gives up memory beyond a bound, processor time beyond a bound, and the right to write or
open any file, to start a program and to connect anywhere. It knows no settings and no secrets.

What comes out is made of pixels alone; nothing else of the file (place, camera, comments, colour
profile, what was appended) has a way through.
"""

import resource
import struct
import sys
from contextlib import suppress
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageCms, ImageFile, ImageOps

# What PIL would load when it first needs it, loaded while this process may still open files. TIFF
# is how EXIF is written; what is decoded at all is FORMATS alone.
for _kind in ("Gif", "Jpeg", "Mpo", "Png", "Tiff", "WebP"):
    import_module(f"PIL.{_kind}ImagePlugin")
for _name in ("PIL.ImageColor", "PIL.ImagePalette", "copy", "linecache"):
    import_module(_name)
Image.preinit()

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
MAX_PIXELS = 40_000_000
MAX_SIDE = 16_383
LONGER_SIDE = 512
QUALITY = 82
# Enough for a WebP of 40 megapixels without losses, which needs the most.
MAX_MEMORY = 1024 * 1024 * 1024
MAX_SECONDS = 10
# Two sides, as the process that asked reads them in front of the WebP.
SIZE = struct.Struct("!HH")
REFUSED = 3


class Refused(Exception):
    """Not a picture that is taken here."""


def rewrite(source: bytes) -> bytes:
    """Return width, height and a WebP of the first frame, at most 512 pixels on a side.

    Raises:
        Refused: it has too many pixels, or is not one of FORMATS.
        Exception: whatever PIL raises for a broken file; nothing of it is meant for anybody.
    """
    with Image.open(BytesIO(source), formats=FORMATS) as opened:
        if max(opened.size) > MAX_SIDE or opened.width * opened.height > MAX_PIXELS:
            raise Refused
        profile = opened.info.get("icc_profile")
        small = _shrink(opened)
    with suppress(Exception):
        # Many cameras write an EXIF block that nobody can read; then the picture stays as it lies.
        small = ImageOps.exif_transpose(small)
    pixels = _only_pixels(_to_srgb(small, profile))
    written = BytesIO()
    pixels.save(written, "WEBP", quality=QUALITY, method=4)
    return SIZE.pack(*pixels.size) + written.getvalue()


def _shrink(opened: ImageFile.ImageFile) -> Image.Image:
    # A JPEG is decoded at a fraction of its size, which takes a fraction of time and memory.
    opened.draft(None, (2 * LONGER_SIDE, 2 * LONGER_SIDE))
    opened.load()
    image: Image.Image = opened
    if image.mode.startswith("I;16"):
        # Sixteen bits of grey; converting them alone would cut off instead of scaling.
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    elif image.mode in {"1", "P", "PA"}:
        # Shrinking mixes neighbours, and numbers of a palette cannot be mixed.
        has_gaps = "transparency" in image.info or image.mode == "PA"
        image = image.convert("RGBA" if has_gaps else "RGB")
    image.thumbnail((LONGER_SIDE, LONGER_SIDE))
    return image


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert colours to those that browsers assume; a profile that cannot be used is dropped."""
    if profile and image.mode in {"RGB", "RGBA", "CMYK", "L"}:
        with suppress(Exception):
            target = "RGBA" if image.mode == "RGBA" else "RGB"
            srgb = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, BytesIO(profile), srgb, outputMode=target)
            return converted or image
    return image


def _only_pixels(image: Image.Image) -> Image.Image:
    """Return a picture that has nothing but what is seen of the given one."""
    has_gaps = image.has_transparency_data
    plain = image.convert("RGBA" if has_gaps else "RGB")
    return Image.frombytes(plain.mode, plain.size, plain.tobytes())


def confine() -> None:
    """Give up everything that decoding does not need, as far as the platform can."""
    with suppress(OSError):
        # Where memory runs out nevertheless, this process goes first and not the server.
        Path("/proc/self/oom_score_adj").write_text("1000")
    bounds = {
        "RLIMIT_CPU": MAX_SECONDS,
        "RLIMIT_AS": MAX_MEMORY,
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_NPROC": 0,
        # No file and no connection beyond the three that are open.
        "RLIMIT_NOFILE": 3,
    }
    for name, bound in bounds.items():
        with suppress(AttributeError, OSError, ValueError):
            resource.setrlimit(getattr(resource, name), (bound, bound))


def main(source: BinaryIO, target: BinaryIO) -> int:
    """Rewrite one picture; return the exit status."""
    try:
        written = rewrite(source.read())
    except BaseException:  # noqa: BLE001  (whatever a broken file sets off, it is refused)
        return REFUSED
    target.write(written)
    target.flush()
    return 0


if __name__ == "__main__":
    confine()
    sys.exit(main(sys.stdin.buffer, sys.stdout.buffer))
