"""The records of a pack: read, and held against one another."""
