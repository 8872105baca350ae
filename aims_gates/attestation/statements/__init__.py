"""What a statement may say, by who says it, and how it is written and read."""
