"""Whether a name ever had to do with a system, which open mode leaves as it is."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

__all__ = ["upgrade"]


def upgrade() -> None:
    """``governed``: 1 where a system was ever bound to the name, or a grant adopted for it."""
    op.add_column("aims_names", sa.Column("governed", sa.Integer(), nullable=False, server_default="0"))
