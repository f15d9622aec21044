"""Answers in one piece: in order, whole, and never held back."""

import asyncio

import pytest

from app.connections.joined import JoinedWrites


class Transport(asyncio.Transport):
    """What is handed to the other side, in the order in which it happens."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[object] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.done.append(bytes(data))

    def writelines(self, list_of_data: object) -> None:
        self.done.append(list_of_data)

    def write_eof(self) -> None:
        self.done.append("eof")

    def close(self) -> None:
        self.done.append("closed")

    def abort(self) -> None:
        self.done.append("aborted")

    def get_write_buffer_size(self) -> int:
        return 7


@pytest.fixture
def transport() -> Transport:
    return Transport()


@pytest.fixture
async def joined(transport: Transport) -> JoinedWrites:
    return JoinedWrites(transport, asyncio.get_running_loop())


async def test_what_is_written_in_one_turn_goes_together(
    joined: JoinedWrites, transport: Transport
) -> None:
    joined.write(b"head")
    joined.write(b"body")
    assert transport.done == []
    await asyncio.sleep(0)
    joined.write(b"next")
    await asyncio.sleep(0)
    assert transport.done == [[b"head", b"body"], [b"next"]]


async def test_bytes_are_handed_over_and_not_copied(
    joined: JoinedWrites, transport: Transport
) -> None:
    body = b"x" * 100_000
    joined.write(b"head")
    joined.write(body)
    await asyncio.sleep(0)
    (pieces,) = transport.done
    assert isinstance(pieces, list)
    assert pieces[1] is body


@pytest.mark.parametrize(("end", "word"), [("close", "closed"), ("write_eof", "eof")])
async def test_the_end_comes_after_what_was_written(
    joined: JoinedWrites, transport: Transport, end: str, word: str
) -> None:
    joined.write(b"last words")
    getattr(joined, end)()
    await asyncio.sleep(0)
    assert transport.done == [[b"last words"], word]


async def test_who_is_cut_off_hears_no_more(joined: JoinedWrites, transport: Transport) -> None:
    joined.write(b"head")
    joined.abort()
    await asyncio.sleep(0)
    assert transport.done == ["aborted"]


async def test_what_waits_counts_as_unread(joined: JoinedWrites) -> None:
    joined.write(b"head")
    joined.write(b"body")
    assert joined.get_write_buffer_size() == 15


async def test_the_rest_is_the_transports(joined: JoinedWrites, transport: Transport) -> None:
    assert joined.is_closing == transport.is_closing
