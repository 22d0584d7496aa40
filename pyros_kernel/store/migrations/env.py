"""Alembic's environment: runs on the connection (and in the transaction) that the store hands it."""

from alembic import context

from pyros_kernel.store.models import Site

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Site.metadata,
    compare_type=True,
    render_as_batch=True,  # SQLite can't alter a table: alembic copies it instead
    transactional_ddl=True,
)
context.run_migrations()
