"""Data sets on DuckDB."""
