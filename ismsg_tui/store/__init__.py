"""The agent's local SQLite: schema, views, search, drafts and outbox."""

from __future__ import annotations
