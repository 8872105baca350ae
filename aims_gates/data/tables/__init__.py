"""What a source and a table are, on whatever engine."""
