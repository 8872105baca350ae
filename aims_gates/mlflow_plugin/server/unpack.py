"""Packed request bodies (Content-Encoding), unpacked piece by piece under the limit, before MLflow sees them.

A limit on what comes in is none on what comes out: 1.6 MB of gzip hold 1.6 GB of zeros.
"""

import zlib

from aims_gates.mlflow_plugin.server.bodies import Refused

__all__ = ["Unpacker", "coding", "unpacker"]

_PIECE = 64 * 1024
_ENOUGH = 2  # bytes by which zlib's head is told from raw deflate
_ANY = "gzip and deflate"


def coding(header: bytes | None) -> str | None:
    """The one coding that a Content-Encoding header names: gzip or deflate; None for none.

    Raises:
        Refused: 415, for another coding and for more than one.
    """
    named = [part.strip().lower() for part in (header or b"").decode("latin-1").split(",")]
    named = ["gzip" if name == "x-gzip" else name for name in named if name not in ("", "identity")]
    if not named:
        return None
    if len(named) > 1:
        raise Refused(415, "the body is packed more than once; pack it once, by gzip or deflate, or not at all")
    if named[0] not in ("gzip", "deflate"):
        raise Refused(415, f"the body is packed by {named[0][:40]!a}; {_ANY} are unpacked here")
    return named[0]


class Unpacker:
    """Unpacks one gzip or deflate stream; never holds or gives more than the limit.

    Args:
        name: ``gzip`` or ``deflate`` (with zlib's head or without it; both are in use).
        most: Largest number of bytes that may come out.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name, self._most, self._size, self._head = name, most, 0, b""
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 16) if name == "gzip" else None

    def feed(self, data: bytes) -> bytes:
        """What further packed bytes hold.

        Raises:
            Refused: 413, more comes out than may; 400, they are no such stream, or it has ended before them.
        """
        if self._stream is None:
            self._head += data
            if len(self._head) < _ENOUGH:
                return b""
            data, self._head = self._head, b""
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if _has_zlib_head(data) else -zlib.MAX_WBITS)
        parts, more = [], True
        while more:
            if self._stream.eof and data:
                raise Refused(400, f"bytes follow the end of the {self._name} stream; send one stream and no more")
            try:
                parts.append(self._stream.decompress(data, _PIECE))
            except zlib.error as error:
                raise Refused(400, f"the body is no {self._name} stream") from error
            self._size += len(parts[-1])
            if self._size > self._most:
                raise Refused(413, f"the body is larger than {self._most} bytes once unpacked")
            data = self._stream.unconsumed_tail or self._stream.unused_data
            more = bool(data) or len(parts[-1]) == _PIECE  # zlib may hold back what a full piece had no room for
        return b"".join(parts)

    def end(self) -> None:
        """The packed bytes are over.

        Raises:
            Refused: 400, the stream is not.
        """
        if self._head or (self._stream is not None and not self._stream.eof):
            raise Refused(400, f"the {self._name} stream is cut short")


def _has_zlib_head(data: bytes) -> bool:
    """RFC 1950: method 8 in the low bits, and the first two bytes a multiple of 31."""
    return data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0


def unpacker(header: bytes | None, most: int) -> Unpacker | None:
    """What unpacks a body with this Content-Encoding; None where it is not packed.

    Raises:
        Refused: 415, for a coding that is not unpacked.
    """
    name = coding(header)
    return None if name is None else Unpacker(name, most)
