"""A packed body is unpacked under the limit, or refused."""

import gzip
import tracemalloc
import zlib

import pytest

from aims_gates.mlflow_plugin.server.bodies import Refused
from aims_gates.mlflow_plugin.server.unpack import coding, unpacker

MOST = 1_000_000
TEXT = bytes(range(256)) * 1_000


def raw(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


def unpacked(header: bytes, data: bytes, step: int) -> bytes:
    stream = unpacker(header, MOST)
    assert stream is not None
    whole = b"".join(stream.feed(data[at : at + step]) for at in range(0, len(data), step))
    stream.end()
    return whole


@pytest.mark.parametrize("step", [1, 2, 1000, 10**6])
@pytest.mark.parametrize(
    ("header", "data"),
    [
        (b"gzip", gzip.compress(TEXT)),
        (b"X-GZIP", gzip.compress(TEXT)),
        (b"deflate", zlib.compress(TEXT)),
        (b"identity, deflate", raw(TEXT)),
    ],
)
def test_what_was_packed_comes_out_in_whatever_pieces_it_came(header: bytes, data: bytes, step: int) -> None:
    assert unpacked(header, data, step) == TEXT


@pytest.mark.parametrize("size", [MOST - 1, MOST, MOST + 1, 64 * 1024, 64 * 1024 * 2])
def test_the_limit_is_on_what_comes_out(size: int) -> None:
    data = gzip.compress(b"\0" * size)
    if size > MOST:
        with pytest.raises(Refused, match="unpacked") as refused:
            unpacked(b"gzip", data, 10**6)
        assert refused.value.status == 413
    else:
        assert len(unpacked(b"gzip", data, 10**6)) == size


def test_a_bomb_takes_no_more_memory_than_the_limit() -> None:
    data = gzip.compress(b"\0" * 300_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(Refused):
            unpacked(b"gzip", data, 10**6)
        assert tracemalloc.get_traced_memory()[1] < 3 * MOST
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("header", [b"br", b"zstd", b"compress", b"gzip, gzip", b"gzip,deflate", b"aes128gcm", b"*"])
def test_other_codings_and_several_are_not_unpacked(header: bytes) -> None:
    with pytest.raises(Refused) as refused:
        coding(header)
    assert refused.value.status == 415


@pytest.mark.parametrize(
    ("header", "data"),
    [
        (b"gzip", gzip.compress(TEXT) + b"x"),
        (b"gzip", gzip.compress(TEXT) * 2),
        (b"gzip", gzip.compress(TEXT)[:-1]),
        (b"gzip", gzip.compress(TEXT)[:-8] + b"\0" * 8),
        (b"gzip", b"no gzip at all"),
        (b"gzip", zlib.compress(TEXT)),
        (b"gzip", b""),
        (b"deflate", zlib.compress(TEXT) + b"x"),
        (b"deflate", raw(TEXT)[:-1]),
        (b"deflate", b"x"),
        (b"deflate", gzip.compress(TEXT)),
    ],
)
@pytest.mark.parametrize("step", [1, 10**6])
def test_what_is_no_single_whole_stream_is_refused(header: bytes, data: bytes, step: int) -> None:
    with pytest.raises(Refused) as refused:
        unpacked(header, data, step)
    assert refused.value.status == 400


def test_a_body_that_is_not_packed_is_left_alone() -> None:
    for header in (None, b"", b"identity"):
        assert unpacker(header, MOST) is None
