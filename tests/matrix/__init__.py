"""The MLflow versions that people have, one after the other: ``make matrix``."""
