"""What was noted in a record, by digest: what people sign as they add it."""

from collections.abc import Iterable, Mapping

from aims_gates.documents.canonical import digest

__all__ = ["HISTORY", "entries_digest"]

#: With this ends the place of a history, each item of which stays; at any other place stands the latest value.
HISTORY = "[]"


def entries_digest(entries: Mapping[str, Iterable[str]]) -> str:
    """Digest of a set of entries' digests by place, whatever their order; empty where there are none."""
    listed = {place: sorted(set(digests)) for place, digests in entries.items()}
    there = {place: digests for place, digests in listed.items() if digests}
    return digest(there) if there else ""
