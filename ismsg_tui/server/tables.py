"""The tables of the server. Rows of the workspace lie in one table, as they travel; the rest is who may do what, what
was done already, and what is on its way in or out.

Times are milliseconds since 1970. Nothing refers to anything by a foreign key: checking one would lock the row of the
workspace long before its counter has to be.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, Table, Text, UniqueConstraint

metadata = MetaData()

workspace = Table(
    "workspace",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    # The history that revisions count in: another one after a backup was restored.
    Column("epoch", Text, nullable=False),
    # The newest revision: the counter, and the last lock that a transaction takes.
    Column("seq", BigInteger, nullable=False),
    # The oldest revision from which changes can be told: older traces of what is gone have been dropped.
    Column("floor", BigInteger, nullable=False),
    # The revision of the newest change of workspace, users or channels.
    Column("settings_rev", BigInteger, nullable=False),
    # When it was restored from a backup; 0 if it never was.
    Column("restored_at", BigInteger, nullable=False),
)

row = Table(
    "row",
    metadata,
    Column("ws", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    # Whose it is; NULL for settings and snippets, which everybody may see.
    Column("contact_id", Text),
    Column("rev", BigInteger, nullable=False),
    # The contact of an open conversation, else NULL.
    Column("open_contact", Text),
    # The row as it travels, in JSON.
    Column("body", Text, nullable=False),
    UniqueConstraint("ws", "open_contact", name="row_open_contact"),
    Index("row_rev", "ws", "rev"),
    Index("row_contact", "ws", "contact_id", "rev"),
)

contact_state = Table(
    "contact_state",
    metadata,
    Column("ws", Text, primary_key=True),
    # The contact, or the name of another scope: the row is what writers of a scope lock.
    Column("contact_id", Text, primary_key=True),
    Column("assignee_id", Text),
    # The newest conversation.
    Column("conversation_id", Text),
    # The time of the newest line.
    Column("last_at", BigInteger, nullable=False),
    # The revision at which the assignee last changed; 0 if it never did.
    Column("moved_rev", BigInteger, nullable=False),
    Index("contact_state_assignee", "ws", "assignee_id", "moved_rev"),
)

move = Table(
    "move",
    metadata,
    # A contact was taken from somebody: who saw it through him may not see it any more.
    Column("ws", Text, primary_key=True),
    Column("contact_id", Text, primary_key=True),
    Column("rev", BigInteger, primary_key=True),
    Column("from_id", Text, nullable=False),
    Index("move_from", "ws", "from_id", "rev"),
)

receipt = Table(
    "receipt",
    metadata,
    Column("ws", Text, primary_key=True),
    Column("command_id", Text, primary_key=True),
    # Of the command and who gave it.
    Column("digest", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    # JSON, NULL where the command was carried out.
    Column("refusal", Text),
    Column("device_id", Text),
    Column("at", BigInteger, nullable=False),
    Index("receipt_at", "at"),
)

account = Table(
    "account",
    metadata,
    Column("id", Text, primary_key=True),
    # Case folded.
    Column("email", Text, nullable=False, unique=True),
    # As argon2 writes it.
    Column("password", Text, nullable=False),
)

member = Table(
    "member",
    metadata,
    Column("ws", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    # NULL for who can't sign in.
    Column("account_id", Text, index=True),
    # How often what the user may see has changed otherwise than by a contact's new assignee.
    Column("sight", BigInteger, nullable=False),
)

device = Table(
    "device",
    metadata,
    Column("id", Text, primary_key=True),
    Column("ws", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    # When it last fetched new tokens.
    Column("seen_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Index("device_member", "ws", "user_id"),
)

token = Table(
    "token",
    metadata,
    # SHA-256 of the token.
    Column("hash", Text, primary_key=True),
    Column("device_id", Text, nullable=False, index=True),
    # `access` or `refresh`.
    Column("kind", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    # When a refresh token was exchanged, and how often.
    Column("spent_at", BigInteger),
    Column("uses", Integer, nullable=False),
)

# Files

blob = Table(
    "blob",
    metadata,
    Column("ws", Text, primary_key=True),
    Column("sha256", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    # The last time that somebody sent it or asked for it: what nobody refers to is kept for a while from then on.
    Column("touched_at", BigInteger, nullable=False),
)

blob_use = Table(
    "blob_use",
    metadata,
    Column("ws", Text, primary_key=True),
    Column("sha256", Text, primary_key=True),
    # Who may see it: those who see the contact of this id, everybody for `snippet:` and an id, who sent it for `user:`
    # and an id. Only the last is no reason to keep it.
    Column("scope", Text, primary_key=True),
)

upload = Table(
    "upload",
    metadata,
    Column("id", Text, primary_key=True),
    Column("ws", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    # Bytes that are on the disk; all of them only once the blob is there too.
    Column("received", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("upload_ws", "ws"),
)

file_link = Table(
    "file_link",
    metadata,
    # SHA-256 of the secret in the address.
    Column("hash", Text, primary_key=True),
    Column("ws", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("mime", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

# Channels

channel_account = Table(
    "channel_account",
    metadata,
    Column("channel_id", Text, primary_key=True),
    Column("ws", Text, nullable=False),
    Column("kind", Text, nullable=False),
    # In clear, since what goes out is authorised by it too.
    Column("token", Text, nullable=False, unique=True),
    # Where messages go out to; empty where they are not sent anywhere.
    Column("base_url", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
)

contact_channel = Table(
    "contact_channel",
    metadata,
    Column("channel_id", Text, primary_key=True),
    # The contact as the channel knows him.
    Column("external_id", Text, primary_key=True),
    Column("contact_id", Text, nullable=False),
    Index("contact_channel_contact", "contact_id"),
)

channel_message = Table(
    "channel_message",
    metadata,
    Column("channel_id", Text, primary_key=True),
    # The channel's own id of a message in either direction: a second one is the same.
    Column("external_id", Text, primary_key=True),
    Column("contact_id", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    # Whether receipts for it speak for the whole message: one with files goes out in several parts.
    Column("whole", Boolean, nullable=False),
    Index("channel_message_message", "message_id"),
)

early_receipt = Table(
    "early_receipt",
    metadata,
    Column("channel_id", Text, primary_key=True),
    # The id of a message that is not known yet: receipts can overtake the answer that tells it.
    Column("external_id", Text, primary_key=True),
    Column("status", Text, primary_key=True),
    Column("error", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

arrival = Table(
    "arrival",
    metadata,
    # What came in and waits: for its file to be fetched, or behind what does.
    Column("channel_id", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("contact_id", Text, nullable=False),
    # Nanoseconds; what came in first goes first.
    Column("came_at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Index("arrival_due", "due_at"),
    Index("arrival_contact", "contact_id", "came_at"),
)

delivery = Table(
    "delivery",
    metadata,
    Column("ws", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),
    Column("channel_id", Text, nullable=False),
    Column("contact_id", Text, nullable=False),
    # The revision of the message: what was said first is sent first.
    Column("seq", BigInteger, nullable=False),
    # `pending`, `sending`, `sent`, `failed` or `uncertain`.
    Column("state", Text, nullable=False),
    # The part that goes next: the text, then each file.
    Column("part", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    # Who is sending it, and until when he is taken to be alive.
    Column("lease", Text, nullable=False),
    Column("leased_until", BigInteger, nullable=False),
    Index("delivery_due", "state", "due_at"),
    Index("delivery_contact", "contact_id", "seq"),
)

# Webhooks

webhook = Table(
    "webhook",
    metadata,
    Column("id", Text, primary_key=True),
    Column("ws", Text, nullable=False, index=True),
    Column("url", Text, nullable=False),
    # Names of events, a JSON list.
    Column("events", Text, nullable=False),
    # In clear, since every call is signed with it.
    Column("key", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
    # Since when every call has failed, how many, and when the next may go.
    Column("failing_since", BigInteger),
    Column("failures", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
)

webhook_call = Table(
    "webhook_call",
    metadata,
    # The `event_id` that the receiver sees.
    Column("id", Text, primary_key=True),
    Column("webhook_id", Text, nullable=False, index=True),
    Column("event", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Index("webhook_call_due", "due_at"),
)
