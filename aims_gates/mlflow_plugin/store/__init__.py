"""The gated registry store."""
