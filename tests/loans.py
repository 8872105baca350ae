"""Who works in the loans that the shop and the golden registries tell of, their system, and what model cards say."""

__all__ = ["FIELDS", "PEOPLE", "system_yaml"]

#: Who signs -> the role of their key.
PEOPLE = {name: name for name in ("policy", "ci", "risk", "compliance")} | {"dev": "developer", "oncall": "on-call"}
#: The fields of a model card.
FIELDS = (
    "license", "summary", "developers", "model_type", "intended_use", "out_of_scope_use", "risks", "limitations",
    "recommendations", "training_data", "evaluation_data", "factors", "metrics", "contest", "contact",
)  # fmt: skip


def system_yaml(*models: str) -> str:
    """The system's own file, with these registered models."""
    return f"""\
name: loans
purpose: Decide which small loans are granted to applicants, with review by a person.
owner: head-of-lending
tier: high
profile: shop
models: [{", ".join(models)}]
data: {{evaluation: data/evaluation.csv}}
roles: {{target: y}}
"""
