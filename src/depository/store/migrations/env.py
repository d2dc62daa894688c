"""What Alembic runs around the revisions: they work in the transaction of the connection they are given."""

from typing import Literal

from alembic import context

from depository.store.columns import Day, Moment
from depository.store.schema import metadata


def plain(kind: str, item: object, autogen: object) -> str | Literal[False]:  # noqa: ARG001
    """Revisions say what a column is in the database, as a later change of our types must not change an old one."""
    return "sa.Text()" if kind == "type" and isinstance(item, Day | Moment) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite changes a column by copying its table.
    render_as_batch=True,
    render_item=plain,
)
context.run_migrations()
