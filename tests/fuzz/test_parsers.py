"""What parsers make of anything: no exception but ours, and nothing accepted that is not plain.

Where a standard reader of the same thing exists it is asked as well.
"""

import json
import struct
from http.cookies import CookieError, SimpleCookie
from io import BytesIO
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from app import old_hashes
from app.cookies import COOKIE_NAME, SECURE_COOKIE_NAME, read_cookies
from app.errors import BadRequest, FieldsRefused, MalformedBody
from app.forms import Form, local_path
from app.hosts import is_address, is_loopback, read_origin, split_origin
from app.legacy import bodies, changes
from app.observability import conceal, escape
from app.patterns import check_entries, find_plain_http, read_pattern
from app.pictures import decoder
from app.schemas import UserCreate, fold, storable
from app.schemas.fields import Abbreviation, Email, Name, PageURL, PlainJSON, Uid
from app.services.cursors import make_cursor, read_cursor

# Everything that JSON knows, also half characters, which Python's reader takes.
any_text = st.text(st.characters(codec=None), max_size=40)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)
host_like = st.lists(
    st.sampled_from(
        ["school", "github", "io", "org", "localhost", "127.0.0.1", "0x7f", "[::1]", "xn--a", "*"]
    )
    | st.text("ab1-_*", max_size=3),
    max_size=4,
).map(".".join)
entries = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["https://", "http://", "HTTPS://", "*://", "", "ftp://", "https:/"]),
    host_like,
    st.sampled_from(["", ":*", ":443", ":80", ":8080", ":0", ":99999", ":", ":*:*"]),
    st.sampled_from(["", "/", "/path", "?q", "#f", "\n", " ", "@x"]),
)
schemes = st.sampled_from(["https", "http"])
bases = st.sampled_from(["school.org", "a.school.org", "b.example.org", "localhost"])
ports = st.sampled_from(["", ":8080", ":443", ":80"])
patterns = st.builds(
    "{}://{}{}{}".format, schemes, st.sampled_from(["*.", ""]), bases, ports | st.just(":*")
)
before = st.sampled_from(["", "a.", "x.y.", ".", "a", "a-", "*."])
origins = st.builds("{}://{}{}{}".format, schemes, before, bases, ports)


class TestCookies:
    names = st.sampled_from([COOKIE_NAME, SECURE_COOKIE_NAME, "theme", f"{COOKIE_NAME}2", "a"])
    # The octets of RFC 6265, section 4.1.1, that the standard library writes without quotes.
    plain = st.text("ABCxyz0189-_.!#$&'*+^`|~", min_size=1, max_size=20)

    @given(headers=st.lists(any_text, max_size=4), scheme=st.sampled_from(["http", "https"]))
    def test_anything(self, headers: list[str], scheme: str) -> None:
        for value in read_cookies(headers, scheme):
            assert ";" not in value
            assert value == value.strip(" \t")
            assert any(value in header for header in headers)

    @given(jar=st.dictionaries(names, plain, max_size=5))
    def test_reads_what_the_standard_library_reads(self, jar: dict[str, str]) -> None:
        header = "; ".join(f"{name}={value}" for name, value in jar.items())
        reference: SimpleCookie = SimpleCookie()
        try:
            reference.load(header)
        except CookieError:
            assume(False)
        for scheme, name in [("http", COOKIE_NAME), ("https", SECURE_COOKIE_NAME)]:
            known = [reference[name].value] if name in reference else []
            assert read_cookies([header], scheme) == known

    @given(values=st.lists(plain, min_size=2, max_size=4), blank=st.sampled_from(["", " ", "\t"]))
    def test_each_of_several_is_seen(self, values: list[str], blank: str) -> None:
        header = ";".join(f"{blank}{COOKIE_NAME}{blank}={value}" for value in values)
        assert read_cookies([header], "http") == values
        assert read_cookies([f"{COOKIE_NAME}={value}" for value in values], "http") == values


class TestForms:
    @given(target=any_text | st.builds("/{}".format, any_text))
    @example(target="/%252f%252fevil.example")
    @example(target="/\\evil.example")
    def test_where_a_login_leads_is_here(self, target: str) -> None:
        path = local_path(target)
        assert path in {target, "/"}
        assert local_path(path) == path
        assert path.isascii()
        assert path.isprintable()
        for spelling in (path, unquote(path), unquote(unquote(path))):
            assert urlsplit(urljoin("https://here.example/x", spelling)).netloc == "here.example"

    @given(values=st.dictionaries(st.sampled_from(["uid", "name", "password", "email"]), any_text))
    def test_a_form_fits_or_says_what_does_not(self, values: dict[str, str]) -> None:
        found, form = Form(values).check(UserCreate)
        assert (found is None) == bool(form.errors)
        assert set(form.errors) <= {"uid", "name", "password", "email"}
        assert form.value("password") == ""
        secret = values.get("password", "")
        assert len(secret) < 4 or not any(secret in message for message in form.errors.values())


class TestOrigins:
    @given(text=any_text | entries)
    def test_what_is_an_origin_is_written_as_browsers_do(self, text: str) -> None:
        origin = read_origin(text)
        if origin is None:
            assert split_origin(text) is None
            return
        assert read_origin(origin) == origin
        assert origin == origin.lower()
        parts = split_origin(origin)
        assert parts is not None
        assert str(parts) == origin
        assert urlsplit(origin).scheme in {"http", "https"}
        assert (urlsplit(origin).path, urlsplit(origin).query) == ("", "")
        is_loopback(parts.host)
        is_address(parts.host)

    @given(entry=entries | any_text)
    def test_an_entry_is_refused_in_words_or_kept(self, entry: str) -> None:
        try:
            (kept,) = check_entries((entry,))
        except ValueError:
            return
        assert check_entries((kept,)) == (kept,)
        assert find_plain_http((kept,)) in {None, 1}
        pattern = read_pattern(kept)
        assert pattern is not None
        assert pattern.host
        if pattern.is_any_name and not is_loopback(pattern.host):
            assert "." in pattern.host  # nobody owns all names of a top level

    @given(entry=patterns, origin=origins)
    def test_a_pattern_takes_names_below_its_own_alone(self, entry: str, origin: str) -> None:
        (kept,) = check_entries((entry,))
        pattern, parts = read_pattern(kept), split_origin(origin)
        assert pattern is not None
        if parts is not None and pattern.matches(parts):
            assert parts.scheme == pattern.scheme
            below = parts.host.endswith(f".{pattern.host}") and pattern.is_any_name
            assert below != (parts.host == pattern.host)


class TestCursors:
    @given(text=any_text)
    def test_anything_is_read_or_refused(self, text: str) -> None:
        try:
            place = read_cursor(text)
        except FieldsRefused:
            return
        assert place
        assert read_cursor(make_cursor(place)) == place

    @given(place=st.text(min_size=1).filter(lambda text: "\x00" not in text))
    def test_what_we_gave_comes_back(self, place: str) -> None:
        cursor = make_cursor(place)
        assert cursor.isascii()
        assert "=" not in cursor
        assert read_cursor(cursor) == place


class TestOldWire:
    @given(raw=st.binary(max_size=60) | any_json.map(lambda value: json.dumps(value).encode()))
    @example(raw=b"[" * 100_000)
    @example(raw=b"9" * 5000)
    @example(raw=b"1e999")
    def test_a_body_is_json_or_refused(self, raw: bytes) -> None:
        try:
            found = bodies.parse(raw)
        except MalformedBody:
            return
        json.dumps(found, allow_nan=False)

    @given(
        body=st.dictionaries(
            st.sampled_from(
                [
                    "uid",
                    "name",
                    "email",
                    "dob",
                    "sid",
                    "password",
                    "school",
                    "kasmServerNeeded",
                    "class",
                    "hashmap",
                    "role",
                    "ap_exam",
                ]
            ),
            any_json,
        )
    )
    def test_a_sign_up_is_understood_or_refused(self, body: dict[str, Any]) -> None:
        try:
            changes.read_details(body)
            new = changes.read_new(body, min_password=12)
        except (BadRequest, FieldsRefused):
            return
        UserCreate.model_validate(new.model_dump())
        assert storable(new.name) == new.name

    @given(value=any_json)
    def test_values_fit_or_count_as_not_sent(self, value: Any) -> None:
        number = bodies.number(value)
        assert number is None or 0 <= number <= bodies.MAX_INTEGER
        assert bodies.flag({"x": value}, "x") in {None, True, False}
        text = bodies.text({"x": value}, "x")
        assert text is None or storable(text) == text
        assert all(storable(item) == item for item in bodies.texts(value))
        found = bodies.birth_date(value)
        assert found is None or found.isoformat()


class TestOldHashes:
    parts = st.lists(
        st.sampled_from(
            [
                *("pbkdf2:sha256", ":", "1", "260000", "$", "salt", "a" * 64, "b" * 128, "sha256"),
                *("scrypt", "32768:8:1", "0", "9999999", "\n", "é", "SHA256", "pbkdf2:sha1"),
            ]
        ),
        max_size=9,
    ).map("".join)

    @given(text=any_text | parts)
    def test_one_that_is_known_is_bounded(self, text: str) -> None:
        if not old_hashes.is_old_hash(text):
            with pytest.raises(ValueError, match="Not a hash"):
                old_hashes.matches("password", text)
            return
        assert text.isascii()
        assert text.isprintable()
        assert text.count("$") == 2

    @given(salt=st.text("abcXYZ019", min_size=1, max_size=16), password=st.text(max_size=20))
    def test_of_another_password_matches_nothing(self, salt: str, password: str) -> None:
        assert not old_hashes.matches(password, f"sha256${salt}${'0' * 64}")


FIELDS: list[tuple[Any, bool]] = [
    *((Uid, True), (Name, True), (Abbreviation, True), (PageURL, True), (Email, True)),
    (PlainJSON, False),
]


class TestFields:
    @pytest.mark.parametrize(("kind", "is_text"), FIELDS, ids=range(len(FIELDS)))
    @given(value=any_text | any_json)
    def test_what_is_accepted_stays_as_it_is(self, kind: Any, is_text: bool, value: Any) -> None:
        adapter = TypeAdapter[Any](kind if is_text else Any)
        try:
            found = adapter.validate_python(value)
        except ValidationError:
            return
        assert adapter.validate_python(found) == found
        if is_text and found is not None:
            assert storable(found) == found
            assert "\x00" not in found

    @given(text=any_text)
    def test_folding_and_escaping_settle(self, text: str) -> None:
        assert storable(storable(text)) == storable(text)
        assert fold(text) == fold(text)
        assert escape(text).isprintable() or escape(text) == text
        assert conceal(conceal(text)) == conceal(text)


class TestPictures:
    """In this process: what the decoder's own would refuse with a status shows as an exception."""

    @staticmethod
    def sample(kind: str) -> bytes:
        written = BytesIO()
        Image.new("RGB", (8, 8), "teal").save(written, kind)
        return written.getvalue()

    @given(
        kind=st.sampled_from(decoder.FORMATS),
        edits=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6),
        cut=st.integers(0, 400),
    )
    def test_a_damaged_one_is_refused_or_made_anew(
        self, kind: str, edits: list[tuple[int, int]], cut: int
    ) -> None:
        source = bytearray(self.sample(kind))
        for place, value in edits:
            source[place % len(source)] = value
        target = BytesIO()
        status = decoder.main(BytesIO(bytes(source[: len(source) - cut % 60])), target)
        assert status in {0, decoder.REFUSED}
        if status == 0:
            width, height = decoder.SIZE.unpack(target.getvalue()[:4])
            assert 0 < max(width, height) <= decoder.LONGER_SIDE
            assert target.getvalue()[4:8] == b"RIFF"

    @given(width=st.integers(0, 2**31 - 1), height=st.integers(0, 2**31 - 1))
    def test_a_header_that_promises_more_is_refused_before_it_costs(
        self, width: int, height: int
    ) -> None:
        assume(width * height > decoder.MAX_PIXELS)
        source = bytearray(self.sample("PNG"))
        source[16:24] = struct.pack(">II", width, height)
        assert decoder.main(BytesIO(bytes(source)), BytesIO()) == decoder.REFUSED
