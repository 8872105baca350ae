"""What the triggers look at: the grants that stand, the kind of every name, and how far both follow the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

__all__ = ["upgrade"]

POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """``follows``: the ledger's size that both tables were made from. ``guard``: new, attached or detached."""
    op.add_column("aims_head", sa.Column("follows", POSITION, nullable=False, server_default="0"))
    op.add_column("aims_head", sa.Column("guard", sa.Text(), nullable=False, server_default="new"))
    op.create_index("aims_index_position", "aims_index", ["position"])
    op.create_table(
        "aims_grants_live",
        sa.Column("workspace", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("alias", sa.Text(), primary_key=True),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("expires", sa.Text()),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("adoption", sa.Text()),
        sa.Column("position", POSITION, nullable=False),
    )
    op.create_table(
        "aims_names",
        sa.Column("workspace", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("binding", sa.Text()),
        sa.Column("position", POSITION, nullable=False),
    )
