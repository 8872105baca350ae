"""A limit on a request's head: uvicorn has none with its fast parser, and reads headers from anybody without end."""

from typing import Any

__all__ = ["MAX_HEAD", "bound_heads"]

#: Bytes of the request line and headers, as in uvicorn's other parser (h11).
MAX_HEAD = 64 * 1024


def bound_heads() -> None:
    """Let uvicorn's connections of this process hang up on a head over the limit. Call it before they are made."""
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:  # the other parser, which has the limit, is then in use
        return
    receive = HttpToolsProtocol.data_received
    if getattr(receive, "bounds_heads", False):
        return

    def data_received(self: Any, data: bytes) -> None:
        receive(self, data)
        begun = self.scope is not None and "method" not in self.scope  # set at the end of the headers
        self.head_size = getattr(self, "head_size", 0) + len(data) if begun else 0
        if self.head_size > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response(f"The request line and headers are larger than {MAX_HEAD} bytes.")

    data_received.bounds_heads = True  # type: ignore[attr-defined]
    HttpToolsProtocol.data_received = data_received  # type: ignore[method-assign]
