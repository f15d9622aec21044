"""A store that speaks S3, and a bucket of each test's own in it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from app.config.stores import read_store_address
from app.models import new_public_id
from app.pictures.bucket import PictureBucket
from tests import swift
from tests.conftest import missing
from tests.swift import SwiftServer


@pytest.fixture(scope="session")
def store_server() -> Iterator[SwiftServer]:
    """A store that all tests share; who harms it starts one of its own."""
    if not swift.is_installed():
        missing("OpenStack Swift is not installed")
    with swift.running() as server:
        yield server


@pytest.fixture
def bucket_url(store_server: SwiftServer) -> str:
    """The address of a new bucket."""
    return store_server.make_bucket(f"b-{new_public_id().lower().replace('_', '-')}-b")


@pytest.fixture
async def bucket(bucket_url: str) -> AsyncIterator[PictureBucket]:
    made = PictureBucket(read_store_address(bucket_url))
    yield made
    await made.close()
