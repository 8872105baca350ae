"""The one base of models that read documents: unknown fields are errors, and what was read does not change."""

from pydantic import BaseModel, ConfigDict

__all__ = ["StrictModel"]


class StrictModel(BaseModel):
    """A part of a document. It refuses unknown fields and numbers that are not finite, and is immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
