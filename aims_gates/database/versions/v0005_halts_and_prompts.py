"""Halts are found without knowing the name, and open mode is kept for prompts apart from models."""

revision = "0005"
down_revision = "0004"

__all__ = ["upgrade"]


def upgrade() -> None:
    """No table changes: :func:`aims_gates.ledger.installation.upgrade` makes the index and what is derived anew."""
