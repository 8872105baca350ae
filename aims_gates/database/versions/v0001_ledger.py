"""The ledger: its rows, its head and its index."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

__all__ = ["upgrade"]

#: SQLite's row number is spelled INTEGER.
POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Databases of before there were migrations have these tables."""
    op.create_table(
        "aims_head",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("size", POSITION, nullable=False),
        sa.Column("frontier", sa.Text(), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "aims_ledger",
        sa.Column("position", POSITION, primary_key=True, autoincrement=False),
        sa.Column("leaf", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "aims_index",
        sa.Column("term", sa.Text(), primary_key=True),
        sa.Column("position", POSITION, primary_key=True, autoincrement=False),
        if_not_exists=True,
    )
    empty = "INSERT INTO aims_head (id, size, frontier) SELECT 1, 0, '[]' WHERE NOT EXISTS (SELECT 1 FROM aims_head)"
    op.execute(empty)
