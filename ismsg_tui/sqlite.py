"""Which SQLite library is used, by the console's store and by the server: one, and everywhere the same.

Two libraries on one file would not see each other's locks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        import pysqlite3.dbapi2 as sqlite3
    except ImportError:
        import sqlite3

__all__ = ["sqlite3"]
