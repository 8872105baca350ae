"""Third parties' own deprecations are let through; ours stay errors."""

from tests.support import let_through as pytest_configure

__all__ = ["pytest_configure"]
