"""Who registered a version is found under the version, no longer among all that bears on its name."""

revision = "0004"
down_revision = "0003"

__all__ = ["upgrade"]


def upgrade() -> None:
    """No table changes: :func:`aims_gates.ledger.installation.upgrade` makes the index anew."""
