"""What a function of an expression raises where a record lacks something."""

__all__ = ["Lacking"]


class Lacking(ValueError):
    """A record lacks something; the text says what."""
