"""The schema of the local store, one function per step; a step that was released is never edited."""

from __future__ import annotations

from ismsg_tui.store.connection import Connection

SCHEMA_VERSION = 1
"""How many steps there are; kept in `PRAGMA user_version`, so that an up-to-date store opens at once."""

_TABLES = """
CREATE TABLE workspace (
    id TEXT PRIMARY KEY, rev INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL, closing_notes TEXT NOT NULL, unassign_on_close INTEGER NOT NULL, categories TEXT NOT NULL
);
CREATE TABLE user (
    id TEXT PRIMARY KEY, rev INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL, email TEXT NOT NULL, team TEXT NOT NULL, role TEXT NOT NULL,
    visibility TEXT NOT NULL, active INTEGER NOT NULL
);
CREATE TABLE channel (
    id TEXT PRIMARY KEY, rev INTEGER NOT NULL DEFAULT 0,
    kind TEXT NOT NULL, name TEXT NOT NULL, text_limit INTEGER NOT NULL,
    media TEXT NOT NULL
);
CREATE TABLE contact (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, rev INTEGER NOT NULL DEFAULT 0,
    first_name TEXT NOT NULL, last_name TEXT NOT NULL, phone TEXT NOT NULL, email TEXT NOT NULL,
    country TEXT NOT NULL, language TEXT NOT NULL, tags TEXT NOT NULL, fields TEXT NOT NULL,
    assignee_id TEXT, blocked INTEGER NOT NULL, channel_id TEXT, created_at INTEGER NOT NULL
);
CREATE INDEX contact_phone ON contact (phone) WHERE phone <> '';
CREATE INDEX contact_email ON contact (email COLLATE NOCASE) WHERE email <> '';
CREATE TABLE conversation (
    id TEXT PRIMARY KEY, rev INTEGER NOT NULL DEFAULT 0,
    contact_id TEXT NOT NULL, status TEXT NOT NULL, snoozed_until INTEGER, waiting_since INTEGER,
    last_incoming_at INTEGER, opened_at INTEGER NOT NULL, opened_source TEXT NOT NULL, opened_by TEXT,
    opened_channel TEXT, first_assignee TEXT, first_assigned_at INTEGER, last_assignee TEXT,
    last_assigned_at INTEGER, first_response_at INTEGER, first_response_by TEXT, assigned_response_at INTEGER,
    response_count INTEGER NOT NULL, response_wait INTEGER NOT NULL,
    closed_at INTEGER, closed_source TEXT, closed_by TEXT, closed_by_team TEXT, category TEXT, summary TEXT,
    incoming_count INTEGER NOT NULL, outgoing_count INTEGER NOT NULL,
    reply_count INTEGER NOT NULL
);
CREATE INDEX conversation_newest ON conversation (contact_id, opened_at, id);
CREATE TABLE message (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, rev INTEGER NOT NULL DEFAULT 0,
    contact_id TEXT NOT NULL, conversation_id TEXT, kind TEXT NOT NULL, at INTEGER NOT NULL, text TEXT NOT NULL,
    channel_id TEXT, author_id TEXT, source TEXT NOT NULL, status TEXT, error TEXT NOT NULL, event TEXT,
    mentions TEXT NOT NULL, attachments TEXT NOT NULL, reply_to TEXT
);
CREATE INDEX message_timeline ON message (contact_id, at, id);
CREATE INDEX message_files ON message (contact_id, at, id) WHERE attachments <> '[]';
CREATE INDEX message_failed ON message (author_id, at) WHERE status IN ('failed', 'uncertain');
CREATE TABLE read_mark (
    id TEXT PRIMARY KEY, rev INTEGER NOT NULL DEFAULT 0,
    user_id TEXT NOT NULL, contact_id TEXT NOT NULL, at INTEGER NOT NULL, flagged INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE snippet (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, rev INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL, text TEXT NOT NULL, topic TEXT NOT NULL, language TEXT NOT NULL, uses INTEGER NOT NULL,
    deleted INTEGER NOT NULL, attachments TEXT NOT NULL
);
"""

_INBOX = """
CREATE TABLE inbox (
    contact_id TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    assignee_id TEXT,
    blocked INTEGER NOT NULL,
    conversation_id TEXT,
    waiting_since INTEGER,
    waiting_key INTEGER NOT NULL,
    snoozed_until INTEGER,
    closed_at INTEGER,
    opened_at INTEGER,
    last_id TEXT,
    last_at INTEGER NOT NULL
) WITHOUT ROWID;
-- The columns behind contact_id let SQLite count a view from its index alone.
CREATE INDEX inbox_new_waiting ON inbox (waiting_key, contact_id, assignee_id, status, blocked)
    WHERE status = 'open' AND blocked = 0 AND assignee_id IS NULL;
CREATE INDEX inbox_new_last ON inbox (last_at, contact_id, assignee_id, status, blocked)
    WHERE status = 'open' AND blocked = 0 AND assignee_id IS NULL;
CREATE INDEX inbox_open_waiting ON inbox (waiting_key, contact_id) WHERE status = 'open' AND blocked = 0;
CREATE INDEX inbox_open_last ON inbox (last_at, contact_id) WHERE status = 'open' AND blocked = 0;
CREATE INDEX inbox_assigned_waiting ON inbox (assignee_id, waiting_key, contact_id, status)
    WHERE status IN ('open', 'snoozed') AND blocked = 0;
CREATE INDEX inbox_assigned_last ON inbox (assignee_id, last_at, contact_id, status)
    WHERE status IN ('open', 'snoozed') AND blocked = 0;
CREATE INDEX inbox_snoozed ON inbox (snoozed_until, contact_id) WHERE status = 'snoozed' AND blocked = 0;
CREATE INDEX inbox_closed ON inbox (closed_at, contact_id) WHERE status = 'closed';
CREATE INDEX inbox_all ON inbox (last_at, contact_id) WHERE last_at > 0;
"""

_SEARCH = """
CREATE VIRTUAL TABLE message_search USING fts5 (body, content = '', tokenize = 'trigram');
CREATE VIRTUAL TABLE contact_search USING fts5 (body, content = '', tokenize = 'trigram');
CREATE VIRTUAL TABLE snippet_search USING fts5 (body, content = '', tokenize = 'trigram');
"""

_LOCAL = """
CREATE TABLE outbox (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL,
    user_id TEXT,
    issued TEXT NOT NULL,
    state TEXT NOT NULL,
    hold_until INTEGER NOT NULL,
    seq INTEGER,
    problem TEXT
);
CREATE INDEX outbox_scope ON outbox (scope, n);
CREATE INDEX outbox_state ON outbox (state);
CREATE INDEX outbox_stuck ON outbox (scope, n) WHERE state IN ('refused', 'asking');
CREATE TABLE settled (message_id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE outbox_image (
    n INTEGER NOT NULL, part INTEGER NOT NULL, tbl TEXT NOT NULL, row_id TEXT NOT NULL, image TEXT,
    PRIMARY KEY (n, part)
) WITHOUT ROWID;
CREATE TABLE draft (
    user_id TEXT NOT NULL, contact_id TEXT NOT NULL, mode TEXT NOT NULL, text TEXT NOT NULL, at INTEGER NOT NULL,
    attachments TEXT NOT NULL, reply_to TEXT,
    PRIMARY KEY (contact_id, user_id)
) WITHOUT ROWID;
CREATE TABLE blob (
    sha256 TEXT PRIMARY KEY, size INTEGER NOT NULL, here INTEGER NOT NULL, there INTEGER NOT NULL, error TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE confirmed (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, scope TEXT NOT NULL, user_id TEXT, issued TEXT NOT NULL,
    at INTEGER NOT NULL
);
CREATE INDEX confirmed_at ON confirmed (at);
CREATE TABLE replica (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    cursor INTEGER NOT NULL DEFAULT 0,
    user_id TEXT NOT NULL DEFAULT '',
    epoch TEXT NOT NULL DEFAULT '',
    sight INTEGER NOT NULL DEFAULT 0,
    shape TEXT NOT NULL DEFAULT '',
    generation INTEGER NOT NULL DEFAULT 0,
    rebuilding INTEGER NOT NULL DEFAULT 0,
    sweeping INTEGER NOT NULL DEFAULT 0,
    anew_at INTEGER NOT NULL DEFAULT 0,
    anew_wanted INTEGER NOT NULL DEFAULT 0,
    adopted INTEGER NOT NULL DEFAULT 0
);
INSERT INTO replica (only) VALUES (1);
"""


def migrate(connection: Connection) -> None:
    """Bring the store's schema up to date; two processes may try at once.

    Raises StoreTooNewError for a store that a later version wrote.
    """
    if _is_current(connection):
        return
    # sqlite-utils costs 0.2 s to import, which a start with an up-to-date store need not pay.
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

    steps = Migrations("ismsg")

    @steps()
    def first_schema(db: Database) -> None:
        for script in (_TABLES, _INBOX, _SEARCH, _LOCAL):
            for statement in script.split(";\n"):
                if statement.strip():
                    db.execute(statement)

    connection.execute("BEGIN IMMEDIATE")
    try:
        if not _is_current(connection):  # another process, perhaps of a later version, may have been quicker
            steps.apply(Database(connection, execute_plugins=False))
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _is_current(connection: Connection) -> bool:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise StoreTooNewError(version)
    return version == SCHEMA_VERSION


class StoreTooNewError(Exception):
    """The store was written by a later version of ismsg."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"This store has schema {version}; this ismsg knows schemas up to {SCHEMA_VERSION}. Upgrade ismsg."
        )
