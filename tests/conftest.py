"""What every test shares: the server's databases, and property tests without a stopwatch, since a slow machine is no
fault of the code.
"""

from __future__ import annotations

from hypothesis import settings

from tests.servers import postgres_database, server_database, sqlite_database

__all__ = ["postgres_database", "server_database", "sqlite_database"]

settings.register_profile("ismsg", deadline=None)
settings.load_profile("ismsg")
