"""The picture reader: what is taken and what comes out, and that nothing sent can do harm."""

import asyncio
import os
import signal
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from app.errors import PictureRefused, PicturesBusy
from app.pictures import MAX_BYTES, PictureReader, decoder
from tests.photographs import colour, encode, halves, photo, png_of, read

pytestmark = pytest.mark.process

GPS = 0x8825
ORIENTATION = 0x0112
SECRET = b"Lovelace Street 1"
SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>'
)
HTML = b"<!doctype html><script>alert(document.domain)</script>"


@pytest.fixture
async def reader() -> PictureReader:
    return PictureReader()


async def rewrite(reader: PictureReader, source: bytes) -> Image.Image:
    """Return what comes out, checked against what is said about it."""
    rewritten = await reader.rewrite(source)
    image = read(rewritten.webp)
    assert image.size == (rewritten.width, rewritten.height)
    return image


def with_exif(**options: object) -> bytes:
    image = halves()
    exif = Image.Exif()
    exif[ORIENTATION] = options.get("orientation", 1)
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(GPS)[2] = (51.0, 30.0, 26.0)
    return encode(image, "JPEG", exif=exif.tobytes(), comment=SECRET)


def cut(source: bytes) -> bytes:
    return source[: len(source) // 2]


REFUSED: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "text": lambda: b"a picture of a cat",
    "zeros": lambda: bytes(1000),
    "svg": lambda: SVG,
    "html": lambda: HTML,
    "html after the first bytes of a GIF": lambda: b"GIF89a" + HTML,
    "html after the first bytes of a JPEG": lambda: b"\xff\xd8\xff\xe0" + HTML,
    "bmp": lambda: photo("BMP"),
    "tiff": lambda: photo("TIFF"),
    "eps": lambda: photo("EPS"),
    "ico": lambda: photo("ICO"),
    "ppm": lambda: photo("PPM"),
    "jpeg 2000": lambda: photo("JPEG2000"),
    "cut jpeg": lambda: cut(photo()),
    "cut png": lambda: cut(photo("PNG")),
    "cut webp": lambda: cut(photo("WEBP")),
    "cut gif": lambda: cut(encode(Image.effect_noise((90, 90), 90), "GIF")),
    "too many bytes": lambda: photo().ljust(MAX_BYTES + 1, b"\0"),
    "too many pixels": lambda: png_of(8000, 5001),
    "too long a side": lambda: png_of(16_384, 1),
    "bomb": lambda: png_of(30_000, 30_000),
    "gif with a vast screen": lambda: b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + bytes(9),
    "webp with a vast canvas": lambda: (
        b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0" + b"\xfe\x3f\0" * 2
    ),
}


class TestRefused:
    @pytest.mark.parametrize("kind", REFUSED)
    async def test_is_refused(self, reader: PictureReader, kind: str) -> None:
        with pytest.raises(PictureRefused):
            await reader.rewrite(REFUSED[kind]())

    async def test_a_bomb_is_refused_before_it_is_decoded(self) -> None:
        """Nothing of it is unpacked: by the clock of the processor, not of the wall."""
        bomb = png_of(30_000, 30_000)
        before = time.process_time()
        with pytest.raises(Image.DecompressionBombError):
            decoder.rewrite(bomb)
        assert time.process_time() - before < 0.5

    async def test_the_next_one_is_read_as_if_nothing_had_been(self, reader: PictureReader) -> None:
        with pytest.raises(PictureRefused):
            await reader.rewrite(SVG)
        assert (await rewrite(reader, photo())).size == (80, 60)


class TestTaken:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
    async def test_formats(self, reader: PictureReader, kind: str) -> None:
        image = await rewrite(reader, photo(kind))
        assert (image.format, image.size) == ("WEBP", (80, 60))
        assert (colour(image, 0.2, 0.5), colour(image, 0.8, 0.5)) == ("red", "blue")

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    @pytest.mark.parametrize(
        ("before", "after"),
        [((2000, 1000), (512, 256)), ((1000, 4000), (128, 512)), ((16_000, 2), (512, 1))],
    )
    async def test_is_shrunk_and_keeps_its_shape(
        self, reader: PictureReader, kind: str, before: tuple[int, int], after: tuple[int, int]
    ) -> None:
        image = await rewrite(reader, encode(halves(*before), kind))
        assert image.size == after

    async def test_as_many_pixels_as_are_allowed(self, reader: PictureReader) -> None:
        assert (await rewrite(reader, png_of(8000, 5000))).size == (512, 320)

    async def test_a_jpeg_of_print_colours(self, reader: PictureReader) -> None:
        image = await rewrite(reader, encode(halves(mode="CMYK"), "JPEG"))
        assert (colour(image, 0.2, 0.5), colour(image, 0.8, 0.5)) == ("red", "blue")

    async def test_a_png_of_sixteen_bits(self, reader: PictureReader) -> None:
        deep = Image.frombytes("I;16", (3, 1), struct.pack("<3H", 0, 32_768, 65_535))
        image = await rewrite(reader, encode(deep.resize((90, 30)), "PNG"))
        seen = [colour(image, x, 0.5) for x in (0.02, 0.5, 0.98)]
        assert seen == ["black", "grey", "white"]

    async def test_a_palette_with_a_transparent_colour(self, reader: PictureReader) -> None:
        flat = Image.new("P", (60, 60), 1)
        flat.putpalette([255, 255, 255, 200, 30, 30])
        flat.paste(0, (0, 0, 30, 60))
        image = await rewrite(reader, encode(flat, "PNG", transparency=0))
        assert (colour(image, 0.2, 0.5), colour(image, 0.8, 0.5)) == ("nothing", "red")

    @pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
    async def test_of_an_animation_the_first_frame(self, reader: PictureReader, kind: str) -> None:
        frames = [Image.new("RGB", (40, 40), name) for name in ("red", "blue", "white")]
        moving = encode(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
        image = await rewrite(reader, moving)
        assert getattr(image, "n_frames", 1) == 1
        assert colour(image, 0.5, 0.5) == "red"

    async def test_a_hundred_thousand_frames_cost_no_more(self, reader: PictureReader) -> None:
        one = photo("GIF")
        many = one[:-1] + one[one.index(b"\x2c") : -1] * 100_000 + b";"
        started = time.perf_counter()
        image = await rewrite(reader, many[: MAX_BYTES - 1])
        assert colour(image, 0.2, 0.5) == "red"
        assert time.perf_counter() - started < 5

    async def test_what_is_appended_is_left_behind(self, reader: PictureReader) -> None:
        rewritten = await reader.rewrite(photo("GIF") + HTML)
        assert b"script" not in rewritten.webp


class TestMetadata:
    @pytest.mark.parametrize(
        ("orientation", "size", "corner"),
        [(1, (80, 60), "red"), (3, (80, 60), "blue"), (6, (60, 80), "red"), (8, (60, 80), "blue")],
    )
    async def test_stands_upright(
        self, reader: PictureReader, orientation: int, size: tuple[int, int], corner: str
    ) -> None:
        image = await rewrite(reader, with_exif(orientation=orientation))
        assert image.size == size
        assert colour(image, 0.1, 0.1) == corner

    async def test_nothing_but_pixels_is_left(self, reader: PictureReader) -> None:
        source = with_exif()
        assert SECRET in source
        rewritten = await reader.rewrite(source)
        assert SECRET not in rewritten.webp
        image = read(rewritten.webp)
        assert not image.getexif()
        assert image.info.keys().isdisjoint({"exif", "icc_profile", "xmp", "comment"})

    async def test_text_of_a_png_is_left_behind(self, reader: PictureReader) -> None:
        notes = PngInfo()
        notes.add_text("Author", SECRET.decode())
        rewritten = await reader.rewrite(photo("PNG", pnginfo=notes))
        assert SECRET not in rewritten.webp

    async def test_an_exif_block_that_nobody_can_read(self, reader: PictureReader) -> None:
        image = await rewrite(reader, photo(exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))
        assert image.size == (80, 60)

    async def test_colours_of_a_profile_are_converted(self, reader: PictureReader) -> None:
        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
        for profile in (lab, b"no profile"):
            image = await rewrite(reader, photo("PNG", icc_profile=profile))
            assert "icc_profile" not in image.info


class TestProcess:
    async def test_has_room_for_so_many_bytes(self) -> None:
        reader = PictureReader(room=100)
        with reader.hold(60), reader.hold(40), pytest.raises(PicturesBusy), reader.hold(1):
            pytest.fail("one byte too many")
        with reader.hold(100):
            pass

    async def test_ends_what_takes_too_long(self) -> None:
        with pytest.raises(PicturesBusy):
            await PictureReader(time_limit=0.001).rewrite(photo())

    async def test_ends_with_whoever_asked(self, reader: PictureReader) -> None:
        asking = asyncio.create_task(reader.rewrite(png_of(8000, 5000, is_rgb=True)))
        child = await find_child()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)
        assert (await rewrite(reader, photo())).size == (80, 60)

    async def test_a_killed_one_is_followed_by_another(self, reader: PictureReader) -> None:
        asking = asyncio.create_task(reader.rewrite(png_of(8000, 5000, is_rgb=True)))
        os.kill(await find_child(), signal.SIGKILL)
        with pytest.raises(PictureRefused):
            await asking
        assert (await rewrite(reader, photo())).size == (80, 60)

    async def test_yields_to_others_and_learns_no_setting(
        self, reader: PictureReader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SECRET_KEY", "x" * 40)
        asking = asyncio.create_task(reader.rewrite(png_of(8000, 5000, is_rgb=True)))
        child = await find_child()
        environment = await asyncio.to_thread(Path(f"/proc/{child}/environ").read_bytes)
        assert b"SECRET" not in environment
        assert os.getpriority(os.PRIO_PROCESS, child) == 19
        await asking

    @pytest.mark.parametrize(
        "deed",
        [
            "open('/etc/hostname')",
            "open('/tmp/x', 'w')",
            "__import__('socket').socket()",
            "__import__('subprocess').run(['true'])",
            "bytearray(2**31)",
        ],
    )
    async def test_whoever_takes_it_over_has_next_to_nothing(self, deed: str) -> None:
        tried = f"""
try:
    {deed}
except (OSError, MemoryError):
    print("held")
"""
        assert await self._confined(tried) == (b"held\n", 0)

    async def test_ends_by_itself_when_it_computes_for_ever(self) -> None:
        said, status = await self._confined("print(resource.getrlimit(resource.RLIMIT_CPU)[0])")
        assert (int(said), status) == (decoder.MAX_SECONDS, 0)
        _, status = await self._confined("while True: pass", "decoder.MAX_SECONDS = 1")
        assert status == -signal.SIGKILL

    @staticmethod
    async def _confined(deed: str, before: str = "") -> tuple[bytes, int | None]:
        """Do something in a process that has given up what the decoder gives up."""
        folder = str(Path(decoder.__file__).parent)
        program = f"""
import os, resource, socket, subprocess, sys
sys.path.insert(0, {folder!r})
import decoder
{before}
decoder.confine()
{deed}
"""
        # Without an environment, as the decoder: coverage would want to write a file at the end.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-c", program, stdout=asyncio.subprocess.PIPE, env={}
        )
        said, _ = await process.communicate()
        return said, process.returncode

    @pytest.mark.parametrize(
        "written",
        [
            b"",
            b"\0\x50\0\x3c" + HTML,
            struct.pack("!HH", 513, 1) + b"RIFF\0\0\0\0WEBP",
            struct.pack("!HH", 0, 9) + b"RIFF\0\0\0\0WEBP",
        ],
        ids=["nothing", "html", "too large", "no height"],
    )
    async def test_is_not_believed_blindly(
        self, written: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await self._answer(f"sys.stdout.buffer.write({written!r})", tmp_path, monkeypatch)

    async def test_is_not_listened_to_without_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        endless = "while True: sys.stdout.buffer.write(bytes(65536))"
        await self._answer(endless, tmp_path, monkeypatch)

    async def test_says_so_when_it_cannot_even_start(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(RuntimeError, match="cannot start"):
            await self._answer("import no_such_module", tmp_path, monkeypatch)

    @staticmethod
    async def _answer(program: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A decoder that somebody has taken over; it must be refused."""
        taken_over = folder / "decoder.py"
        taken_over.write_text(f"import sys\nsys.stdin.buffer.read()\n{program}\n")
        monkeypatch.setattr("app.pictures._DECODER", taken_over)
        with pytest.raises(PictureRefused):
            await PictureReader().rewrite(photo())


async def find_child() -> int:
    """Return the process that a picture is being read in, once it runs and listens."""
    async with asyncio.timeout(60):
        while True:
            for child in await asyncio.to_thread(_children):
                # Servers and browsers of other tests are children too; they yield to nobody.
                with suppress(ProcessLookupError):
                    if os.getpriority(os.PRIO_PROCESS, child) == 19:
                        return child


def _children() -> list[int]:
    paths = Path("/proc/self/task").glob("*/children")
    return [int(child) for path in paths for child in path.read_text().split()]


class TestProgram:
    """The decoder's own lines, inside this process; everything above runs them in theirs."""

    def test_a_picture(self) -> None:
        written = decoder.rewrite(photo())
        assert decoder.SIZE.unpack(written[: decoder.SIZE.size]) == (80, 60)
