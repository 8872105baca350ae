"""The model card: rendered from findings and records, and read back to see that nothing in it differs."""

from aims_gates.reports.card.check import check_card, front_matter, parse_card, sections
from aims_gates.reports.card.markdown import FIELDS, Field, card_html, measured, render_card, without_front_matter

__all__ = [
    "FIELDS",
    "Field",
    "card_html",
    "check_card",
    "front_matter",
    "measured",
    "parse_card",
    "render_card",
    "sections",
    "without_front_matter",
]
