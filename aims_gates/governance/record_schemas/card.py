"""The card record: the parts of the model card that people write."""

from functools import cache
from typing import Any, NamedTuple

import pydantic

__all__ = ["CARD", "FIELDS", "Field", "card_shape"]

CARD = "system/card"


class Field(NamedTuple):
    """A hand-written part of the card.

    Attributes:
        name: The key in the card record.
        heading: The heading it stands under, as Hugging Face's template names it.
        required: Whether a card without it is incomplete.
        asks: What to write, for the remedy.
    """

    name: str
    heading: str
    required: bool
    asks: str


FIELDS: tuple[Field, ...] = (
    Field("license", "Front matter", True, "a licence id such as apache-2.0, or other"),
    Field("summary", "Model Details", True, "what the model does, in a sentence or two"),
    Field("developers", "Model Details", True, "the team that developed it and answers for it"),
    Field("model_type", "Model Details", True, "the kind of model, e.g. logistic regression"),
    Field("intended_use", "Direct Use", True, "who uses it, for which decision, and how"),
    Field("downstream_use", "Downstream Use", False, "systems it may become a part of"),
    Field("out_of_scope_use", "Out-of-Scope Use", True, "uses it was not made for and must not be put to"),
    Field("risks", "Bias, Risks, and Limitations", True, "whom it may harm, and how"),
    Field("limitations", "Bias, Risks, and Limitations", True, "where it is known or expected to be wrong"),
    Field("recommendations", "Recommendations", True, "what users should do about these risks"),
    Field("training_data", "Training Data", True, "source, period, size and known gaps of the training data"),
    Field("training_procedure", "Training Procedure", False, "preprocessing, features, hyperparameters"),
    Field("evaluation_data", "Testing Data", True, "source, period and size of the evaluation set"),
    Field("factors", "Factors", True, "the groups and conditions over which results are broken down"),
    Field("metrics", "Metrics", True, "which measures decide, and why these"),
    Field("environment", "Environmental Impact", False, "hardware, hours and energy of training"),
    Field("technical", "Technical Specifications", False, "software, hardware, interfaces"),
    Field("citation", "Citation", False, "how to cite it"),
    Field("contest", "How to Contest a Decision", True, "how a person affected gets a decision explained and reviewed"),
    Field("contact", "Model Card Contact", True, "where questions about this card go"),
)


@cache
def card_shape() -> type[pydantic.BaseModel]:
    """The fields that a card cannot do without, and the purpose, as the shape of a record."""
    purpose = pydantic.Field(description="The purpose, word for word as in system.yaml.")
    fields: dict[str, Any] = {"purpose": (str, purpose)}
    fields |= {field.name: (str, pydantic.Field(description=field.asks)) for field in FIELDS if field.required}
    shape: type[pydantic.BaseModel] = pydantic.create_model(
        "Card", __doc__="What people write of the model card.", **fields
    )
    return shape
