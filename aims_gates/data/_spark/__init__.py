"""Data sets on Spark, in files named as those of ``_duckdb`` that do the same; ``dialect`` is Spark's alone."""
