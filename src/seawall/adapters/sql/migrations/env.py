"""Runs the steps on the connection that `migrate` holds, inside its transaction."""

from alembic import context

from seawall.adapters.sql.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
