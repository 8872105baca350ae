"""OpenTelemetry's trace requests in protobuf, counted before they are parsed.

A parsed message takes 30 times the bytes that it came in, and two bytes may be one: what nests is counted, not sized.
The field numbers are those of opentelemetry-proto 1.x (trace/v1, common/v1, collector/trace/v1).
"""

from collections.abc import Mapping
from typing import Any

from aims_gates.mlflow_plugin.server.bodies import Refused

__all__ = ["check_otlp"]

#: Spans of one request: OpenTelemetry's collector sends 8,192 in a batch, its SDKs 512, MLflow's client 5.
MAX_SPANS = 10_000
#: Fields of all messages together: 20 for each span of the largest batch.
MAX_FIELDS = 200_000
MAX_DEPTH = 32
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_KEY_VALUE: dict[int, Any] = {}
_ANY: dict[int, Any] = {6: {1: _KEY_VALUE}}
_ANY[5] = {1: _ANY}
_KEY_VALUE[2] = _ANY
_SPAN: dict[int, Any] = {9: _KEY_VALUE, 11: {3: _KEY_VALUE}, 13: {4: _KEY_VALUE}}
_REQUEST: dict[int, Any] = {1: {1: {1: _KEY_VALUE}, 2: {1: {3: _KEY_VALUE}, 2: _SPAN}}}


def check_otlp(data: bytes) -> None:
    """Hold a request's bytes against the limits.

    Raises:
        Refused: 422, it has too many spans or fields, or is too deep; 400, it is no protobuf.
    """
    try:
        _count(data)
    except IndexError as error:
        raise Refused(400, "the body is no OpenTelemetry request: it ends within a field") from error


def _count(data: bytes) -> None:
    fields = spans = 0
    stack: list[tuple[int, int, Mapping[int, Any], int]] = [(0, len(data), _REQUEST, 1)]
    while stack:
        at, end, known, level = stack.pop()
        if level > MAX_DEPTH:
            raise Refused(422, f"the spans' values have more than {MAX_DEPTH} levels; {MAX_DEPTH} are allowed")
        while at < end:
            key, at = _varint(data, at)
            fields += 1
            start, at = _next(data, key & 7, at)
            if at > end:
                raise IndexError(at)
            inner = known.get(key >> 3) if key & 7 == _BYTES else None
            spans += inner is _SPAN
            if fields > MAX_FIELDS or spans > MAX_SPANS:
                message = f"{MAX_SPANS} spans and {MAX_FIELDS} fields"
                raise Refused(422, f"the request holds more than {message}, which are allowed. Send smaller batches.")
            if inner is not None:
                stack.append((start, at, inner, level + 1))


def _next(data: bytes, kind: int, at: int) -> tuple[int, int]:
    """Where a field's value begins, and where it ends."""
    if kind == _BYTES:
        size, at = _varint(data, at)
        return at, at + size
    if kind == _VARINT:
        return at, _varint(data, at)[1]
    if kind in (_FIXED64, _FIXED32):
        return at, at + (8 if kind == _FIXED64 else 4)
    raise Refused(400, "the body is no OpenTelemetry request: a field of unknown kind")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = data[at]
    if value < 128:
        return value, at + 1
    value, shift = value & 127, 7
    for place in range(at + 1, at + 10):
        byte = data[place]
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place + 1
        shift += 7
    raise Refused(400, "the body is no OpenTelemetry request: a number of more than ten bytes")
