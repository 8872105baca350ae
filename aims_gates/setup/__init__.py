"""First steps with a model that is governed by nothing yet."""

__all__: list[str] = []
