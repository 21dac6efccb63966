"""What alembic runs: the steps, on the connection and in the transaction of whoever called."""

from __future__ import annotations

from alembic import context

from ismsg_tui.server.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
