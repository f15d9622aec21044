"""UPLOADS_URL: what it may say, what production wants of it, and what is never shown."""

from typing import Any

import pytest

from app.config import Settings
from app.config.stores import read_store_address
from app.pictures.store import find_lack_of_authorities
from app.startup import CannotStart, check_features
from tests.test_config import PRODUCTION
from tests.test_config_caches import make, refusal

DATABASE = "postgresql://u@localhost/d"
URL = "s3+https://AKIA:hun%2Fter%2B2@s3.eu-central-1.amazonaws.com/pictures?region=eu-central-1"


def with_store(url: str = URL, **changes: Any) -> Settings:
    return make(uploads_url=url, database_url=DATABASE, **changes)


class TestAddress:
    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            (URL, "s3+https://s3.eu-central-1.amazonaws.com/pictures/"),
            ("s3+http://k:s@localhost:9000/my-bucket/", "s3+http://localhost:9000/my-bucket/"),
            ("s3+https://k:s@[::1]:1/b.b/site/one", "s3+https://[::1]:1/b.b/site/one/"),
        ],
    )
    def test_is_shown_without_keys(self, url: str, shown: str) -> None:
        assert str(read_store_address(url)) == shown

    def test_is_taken_apart(self) -> None:
        found = read_store_address(f"{URL}&ca=/srv/tls/ca.crt")
        assert (found.key_id, found.secret) == ("AKIA", "hun/ter+2")
        assert (found.bucket, found.folder, found.region) == ("pictures", "", "eu-central-1")
        assert (found.port, found.ca, found.is_unverified) == (None, "/srv/tls/ca.crt", False)
        assert "hun/ter+2" not in repr(found)
        assert "AKIA" not in repr(found)
        assert read_store_address("s3+http://k:s@[::1]:1/b-b/a/b").folder == "a/b/"
        assert read_store_address("s3+http://k:s@h/b-b").region == "us-east-1"

    @pytest.mark.parametrize(
        "url",
        [
            *("s3://k:s@h/bucket", "https://k:s@h/bucket", "k:s@h/bucket", "s3+https://h/bucket"),
            *("s3+https://k@h/bucket", "s3+https://:s@h/bucket", "s3+https://k:@h/bucket"),
            *("s3+https://k:s@/bucket", "s3+https://k:s@h", "s3+https://k:s@h/", "s3+https://"),
            *("s3+https://k:s@h/B", "s3+https://k:s@h/bu_cket", "s3+https://k:s@h/-bucket"),
            *("s3+https://k:s@h/bucket/a//b", "s3+https://k:s@h/bucket/../b", "s3+https://k:s@["),
            *("s3+https://k:s@h/bucket#x", "s3+https://k:s@h/bucket?x=y", "s3+https://k:s@h:p/bu"),
            *("s3+https://k:s@h/bucket?region=", "s3+https://k:s@h/bucket?region=a b"),
            *("s3+https://k:s@h/bucket?region=a&region=b", "s3+https://k:s@h/bucket?ca="),
            "s3+https://k:s/s@h/bucket",
        ],
    )
    def test_is_none(self, url: str) -> None:
        with pytest.raises(ValueError, match="UPLOADS_URL is") as error:
            read_store_address(url)
        assert "k:s" not in str(error.value)


class TestSettings:
    def test_none(self) -> None:
        assert make().store_address is None
        assert not make().are_pictures_elsewhere

    def test_a_store(self) -> None:
        settings = with_store()
        assert settings.are_pictures_elsewhere
        assert settings.store_address == read_store_address(URL)
        assert "hun" not in repr(settings)

    def test_a_wrong_one_is_not_shown(self) -> None:
        sentence = refusal(uploads_url="s3+https://k:hunter2@h", database_url=DATABASE)
        assert "UPLOADS_URL is" in sentence
        assert "hunter2" not in sentence

    def test_beside_a_folder(self) -> None:
        sentence = refusal(uploads_url=URL, database_url=DATABASE, uploads_dir="/srv/pictures")
        assert "two places" in sentence

    def test_beside_sqlite(self) -> None:
        assert "UPLOADS_URL needs PostgreSQL" in refusal(uploads_url=URL)

    def test_in_production(self) -> None:
        plain = URL.replace("s3+https", "s3+http")
        sentence = refusal(**PRODUCTION, uploads_url=plain, database_url=DATABASE)
        assert "must be s3+https://" in sentence
        for url, changes in (
            (URL, {}),
            (plain, {"allow_unverified_uploads": True}),
            ("s3+http://k:s@127.0.0.1:9000/bucket", {}),
        ):
            assert with_store(url, **PRODUCTION, **changes).store_address is not None


class TestAuthorities:
    def test_of_this_machine(self) -> None:
        assert find_lack_of_authorities(None) is None

    @pytest.mark.parametrize("path", ["/nowhere/ca.crt", __file__])
    def test_in_no_file_of_certificates(self, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("app.startup.find_lack", lambda _settings: None)
        with pytest.raises(CannotStart, match="holds no certificates") as error:
            check_features(with_store(f"{URL}&ca={path}"))
        assert path in str(error.value)
