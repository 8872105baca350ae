"""A small OSV: answers ``/v1/query`` about the packages of PyPI from a few advisories of its own."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from packaging.version import Version


def _advisory(id: str, aliases: list[str], package: str, fixed: str | None = None) -> dict[str, Any]:
    """An advisory about every version of a package of PyPI, up to the one that mends it."""
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    affected = {"package": {"name": package, "ecosystem": "PyPI"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    return {"id": id, **({"aliases": aliases} if aliases else {}), "affected": [affected]}


JINJA = _advisory("PYSEC-2014-8", ["CVE-2014-1402", "GHSA-8r7q-cvjq-x353"], "jinja2", fixed="2.7.2")
URLLIB = _advisory("GHSA-mh33-7rrq-662w", ["CVE-2019-11324"], "urllib3", fixed="1.24.2")
MALICIOUS = _advisory("MAL-2024-1234", ["CVE-2024-99999"], "sklearn-fast")
UNMENDED = _advisory("PYSEC-2025-7", [], "oldtool")


def _affects(part: dict[str, Any], name: str, version: Version) -> bool:
    """Whether a version lies in one of the ranges, as the OSV schema defines them."""
    bad = False
    for event in (event for span in part["ranges"] for event in span["events"]):
        start, fixed = event.get("introduced"), event.get("fixed")
        bad = True if start is not None and (start == "0" or version >= Version(start)) else bad
        bad = False if fixed is not None and version >= Version(fixed) else bad
    return part["package"] == {"name": name, "ecosystem": "PyPI"} and bad


@dataclass
class Osv:
    """The service.

    Attributes:
        address: Where it listens.
        advisories: What it knows.
        queries: What it was asked, as ``name==version``.
        answer: Bytes that it gives instead of its answer.
        status: The HTTP status of all that it says.
        waits: Set, it answers only once this is set too.
    """

    address: str = ""
    advisories: list[dict[str, Any]] = field(default_factory=lambda: [JINJA, URLLIB, MALICIOUS, UNMENDED])
    queries: list[str] = field(default_factory=list)
    answer: bytes | None = None
    status: int = 200
    waits: threading.Event | None = None

    def about(self, query: dict[str, Any]) -> bytes:
        """The answer to a query."""
        name, version = query["package"]["name"], Version(query["version"])
        self.queries.append(f"{name}=={version}")
        if self.waits is not None:
            self.waits.wait(60)
        if self.answer is not None and not self.queries[-1].startswith("jinja2"):
            return self.answer
        known = [row for row in self.advisories if any(_affects(part, name, version) for part in row["affected"])]
        return json.dumps({"vulns": known} if known else {}).encode()


@contextmanager
def served() -> Iterator[Osv]:
    """A service of one's own, on this machine."""
    osv = Osv()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = osv.about(query) if self.path == "/v1/query" else b""
            self.send_response(osv.status if self.path == "/v1/query" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    osv.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield osv
    finally:
        if osv.waits is not None:
            osv.waits.set()
        server.shutdown()
        server.server_close()
        thread.join()
