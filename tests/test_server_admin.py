"""Looking after a server by the command line: workspaces, users, channels, imports; backups, schema."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from click.testing import CliRunner, Result
from msgspec.structs import replace

from ismsg_tui.cli import main
from ismsg_tui.domain import wire
from ismsg_tui.domain.commands import AssignContact, ReceiveMessage, SendMessage
from ismsg_tui.domain.entities import Contact, Conversation, Message, Role, User, Visibility
from ismsg_tui.files.blob_folder import BlobFolder
from ismsg_tui.server import backup, migrations, tables
from ismsg_tui.server.accounts import Accounts
from ismsg_tui.server.admin import Admin
from ismsg_tui.server.backup import BackupError, back_up, restore
from ismsg_tui.server.database import Database, DatabaseError
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.ledger import Ledger
from ismsg_tui.server.run import only_server
from tests.factories import ANA, BEN, MAI, PHONE, SETTINGS, T0, WORKSPACE, uid
from tests.server_office import Office, Replica, issued

PASSWORD = "correct horse"
BYTES = b"a file of the workspace"
SHA = hashlib.sha256(BYTES).hexdigest()


class Desk:
    """The command line on a server of its own."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder / "data"
        self.database = database
        self.env = {
            "ISMSG_DATA": str(folder / "console"),
            "ISMSG_CONFIG": str(folder / "config.toml"),
            "ISMSG_SERVER_DATA": str(self.folder),
            "ISMSG_SERVER_DB": database.url.render_as_string(hide_password=False),
            "COLUMNS": "160",
        }
        self.ledger = Ledger(database)
        self.admin = Admin(database, self.ledger)
        self.accounts = Accounts(database)

    def run(self, *words: str | Path, input: str | None = None) -> Result:
        """Run a command, whatever comes of it."""
        return CliRunner(env=self.env).invoke(main, ["server", *map(str, words)], input=input)

    def good(self, *words: str | Path, input: str | None = None) -> str:
        """What a command prints that succeeds."""
        result = self.run(*words, input=input)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    def refused(self, *words: str | Path, input: str | None = None) -> str:
        """What a command says that is refused."""
        result = self.run(*words, input=input)
        assert result.exit_code == 1, (result.output, result.exception)
        assert isinstance(result.exception, SystemExit)
        return result.stderr

    def objects(self, *words: str) -> list[dict[str, Any]]:
        """The objects that a command prints, one a line."""
        return [json.loads(line) for line in self.good(*words, "--json").splitlines()]

    @property
    def ws(self) -> str:
        (note,) = self.admin.workspaces()
        return note.id

    def sign_in(self, email: str, password: str = PASSWORD) -> wire.Session:
        return self.accounts.sign_in(wire.SignIn(email, password, wire.DeviceNote("laptop")))


@pytest.fixture
def desk(server_database: Database, tmp_path: Path) -> Desk:
    return Desk(tmp_path, server_database)


def test_a_team_is_set_up_and_signs_in(desk: Desk) -> None:
    desk.good("init", "--workspace", "Hotel 旅館")
    desk.good("user", "add", "ana@example.org", "--name", "Ana", "--password-stdin", input=PASSWORD + "\n")
    add_ben = ["user", "add", "ben@example.org", "--name", "Ben", "--team", "Night", "--visibility", "team"]
    desk.good(*add_ben, "--password-stdin", input=PASSWORD)
    session = desk.sign_in("ana@example.org")
    assert session.workspace_name == "Hotel 旅館"
    ana, ben = desk.objects("user", "ls")
    assert (ana["role"], ana["can_sign_in"]) == ("owner", True)
    assert (ben["role"], ben["team"], ben["visibility"]) == ("agent", "Night", "team")
    shown = desk.good("user", "ls")
    assert "agent, team's contacts" in shown
    (device,) = desk.objects("device", "ls")
    assert device["id"] == session.device_id
    assert device["renewed_at"]
    assert "Renewed" in desk.good("device", "ls")
    desk.good("device", "revoke", session.device_id)
    assert "signed out" in desk.good("device", "ls")
    with pytest.raises(ProblemError):
        desk.accounts.viewer(session.access, desk.ws)


def test_a_list_of_users_fits_a_narrow_terminal_and_names_what_keeps_somebody_out(desk: Desk) -> None:
    desk.env["COLUMNS"] = "80"
    desk.good("init", "--workspace", "Hotel")
    desk.good("user", "add", "ana@example.org", "--name", "Ana Ruiz", "--no-password", "--team", "Front desk")
    add_ben = ["user", "add", "ben@example.org", "--name", "Benjamin Okafor", "--visibility", "own"]
    desk.good(*add_ben, "--team", "Front desk", "--password-stdin", input=PASSWORD)
    desk.good("user", "disable", "ben@example.org")
    ana, ben = desk.good("user", "ls").splitlines()[1:]
    assert "no password" in ana
    assert "disabled" in ben


def test_the_short_id_of_the_list_is_enough_where_two_have_one_name(desk: Desk) -> None:
    desk.good("init", "--workspace", "Hotel")
    for email in ("ana@example.org", "other@example.org"):
        desk.good("user", "add", email, "--name", "Ana", "--password-stdin", input=PASSWORD)
    assert "give the id" in desk.refused("user", "disable", "Ana")
    (short,) = [line.split()[2] for line in desk.good("user", "ls").splitlines() if "other@" in line]
    desk.good("user", "disable", short)
    active = {user["email"]: user["active"] for user in desk.objects("user", "ls")}
    assert active == {"ana@example.org": True, "other@example.org": False}


def test_the_short_id_of_the_list_is_enough_to_sign_a_device_out(desk: Desk) -> None:
    desk.env["COLUMNS"] = "80"
    desk.good("init", "--workspace", "Hotel")
    desk.good("user", "add", "ana@example.org", "--name", "Ana", "--password-stdin", input=PASSWORD)
    session = desk.sign_in("ana@example.org")
    short = desk.good("device", "ls").split()[-1]
    desk.good("device", "revoke", short)
    with pytest.raises(ProblemError):
        desk.accounts.viewer(session.access, desk.ws)


def test_a_new_password_that_does_not_do_leaves_the_rights_as_they_were(desk: Desk) -> None:
    desk.good("init", "--workspace", "Hotel")
    for name in ("Ana", "Ben"):
        desk.good("user", "add", f"{name}@example.org", "--name", name, "--password-stdin", input=PASSWORD)
    assert "8 characters" in desk.refused("user", "set", "Ben", "--role", "owner", "--password-stdin", input="short")
    assert desk.admin.find_user(desk.ws, "Ben").role is Role.AGENT


def test_an_empty_server_is_not_written_over_a_backup(desk: Desk, tmp_path: Path) -> None:
    kept = tmp_path / "backup.tar"
    kept.write_bytes(b"the last good one")
    assert "nothing to back up" in desk.refused("backup", kept)
    assert kept.read_bytes() == b"the last good one"


def test_a_mistyped_folder_is_named_and_not_made(tmp_path: Path) -> None:
    nowhere = tmp_path / "mistyped"
    for words in (["user", "ls"], ["vacuum"], ["backup", str(tmp_path / "backup.tar")]):
        result = CliRunner().invoke(main, ["server", *words, "--data", str(nowhere)])
        assert (result.exit_code, str(nowhere) in result.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_users_are_changed_and_disabled(desk: Desk) -> None:
    desk.good("init", "--workspace", "Hotel")
    for name in ("Ana", "Ben"):
        email = f"{name}@example.org"
        desk.good("user", "add", email, "--name", name, "--password-stdin", input=PASSWORD)
    desk.good("user", "set", "ben", "--role", "manager", "--team", "Day", "--password-stdin", input="battery staple")
    assert desk.sign_in("ben@example.org", "battery staple").user_id
    desk.good("user", "set", "ben@EXAMPLE.org", "--visibility", "own")
    ben = desk.admin.find_user(desk.ws, "Ben")
    assert (ben.role, ben.team, ben.visibility) == (Role.MANAGER, "Day", Visibility.OWN)
    assert "only owner" in desk.refused("user", "disable", "Ana")
    desk.good("user", "disable", "Ben")
    assert [user["active"] for user in desk.objects("user", "ls")] == [True, False]
    desk.good("user", "set", "Ben", "--enable")
    assert desk.sign_in("ben@example.org", "battery staple").user_id == ben.id


def test_channels_and_webhooks_show_their_secrets_once(desk: Desk) -> None:
    desk.good("init", "--workspace", "Hotel")
    made = desk.objects("channel", "add", "custom", "--name", "Shop", "--url", "https://shop.example.org/")[0]
    (listed,) = desk.objects("channel", "ls")
    assert {**listed, "token": made["token"]} == {**made, "created_at": listed["created_at"]}
    assert made["token"] not in str(listed) + desk.good("channel", "ls")
    hook = desk.objects("webhook", "add", "https://example.org/hook", "--event", "message.received")[0]
    (listed,) = desk.objects("webhook", "ls")
    assert (listed["id"], listed["events"]) == (hook["id"], ["message.received"])
    assert hook["key"] not in str(listed) + desk.good("webhook", "ls")
    desk.good("webhook", "rm", hook["id"])
    assert desk.objects("webhook", "ls") == []


def test_a_channel_is_given_another_address_and_token_and_removed(desk: Desk) -> None:
    desk.good("init", "--workspace", "Hotel")
    made = desk.objects("channel", "add", "custom", "--name", "Shop", "--url", "https://one.example.org/")[0]
    (moved,) = desk.objects("channel", "set", made["id"], "--url", "https://two.example.org/")
    assert moved == {"id": made["id"], "url": "https://two.example.org/"}
    (renewed,) = desk.objects("channel", "set", made["id"], "--new-token")
    assert renewed["token"] != made["token"]
    assert renewed["url"] == "https://two.example.org/"
    shown = desk.good("channel", "set", made["id"], "--url", "", "--new-token")
    assert "takes messages in only" in shown
    assert renewed["token"] not in shown
    assert "--new-token" in desk.refused("channel", "set", made["id"])
    assert "https://" in desk.refused("channel", "set", made["id"], "--url", "ftp://x")
    desk.good("channel", "rm", made["id"])
    assert desk.objects("channel", "ls") == []
    for again in (("rm", made["id"]), ("set", made["id"], "--new-token"), ("rm", uid())):
        assert "no such channel" in desk.refused("channel", *again)


def test_what_is_wrong_is_said_in_a_sentence(desk: Desk) -> None:
    assert "server init" in desk.refused("user", "ls")
    desk.good("init", "--workspace", "Hotel")
    assert "already" in desk.refused("init", "--workspace", "hotel")
    assert "terminal" in desk.refused("user", "add", "a@example.org", "--name", "Ana")
    assert "8 characters" in desk.refused("user", "add", "a@b", "--name", "A", "--password-stdin", input="short")
    assert "no e-mail" in desk.refused("user", "add", "ana", "--name", "A", "--password-stdin", input=PASSWORD)
    assert "no such device" in desk.refused("device", "revoke", uid())
    assert "no such webhook" in desk.refused("webhook", "rm", uid())
    assert "https://" in desk.refused("channel", "add", "custom", "--name", "x", "--url", "ftp://x")
    desk.good("init", "--workspace", "Restaurant")
    assert "--workspace" in desk.refused("user", "ls")
    assert desk.objects("user", "ls", "--workspace", "restaurant") == []
    assert "reach" in desk.refused("user", "ls", "--db", "postgresql://nobody@127.0.0.1:1/x")
    assert "PostgreSQL" in desk.refused("user", "ls", "--db", "oracle://x")


def test_conversations_are_imported_once_and_can_be_gone_on_with(desk: Desk, tmp_path: Path) -> None:
    desk.good("init", "--workspace", "Hotel")
    file = tmp_path / "talk.jsonl"
    turns = [{"who": "customer", "text": f"hello {number}"} for number in range(300)]
    turns += [{"who": "agent", "text": "hi"}, {"who": "system", "kind": "end", "text": ""}]
    lines = [{"id": str(number), "source": "old", "turns": turns, "meta": {}} for number in range(5)]
    file.write_text("\n".join(map(json.dumps, [*lines, {"id": "broken"}])), encoding="utf-8")
    assert "1 problem" in desk.refused("import", file)
    office = Office(desk.database, begin=False)
    head = desk.ledger.head(desk.ws)
    assert "5 were there already" in desk.run("import", file).output
    assert desk.ledger.head(desk.ws) == head
    (agent,) = desk.ledger.settings(desk.ws).users.values()
    desk.admin.add_user(desk.ws, owner := User(id=uid(), name="Owner"))
    viewer = desk.accounts.viewer(desk.accounts.issue_local(desk.ws, owner.id, "x").access, desk.ws)
    assert viewer.role is Role.OWNER
    replica = Replica(office, viewer, limit=500)
    rows = [row for _, row in replica.catch_up().values()]
    revisions = [rev for rev, _ in replica.rows.values()]
    assert max(map(revisions.count, revisions)) <= 1_000
    assert sum(isinstance(row, Message) and row.text.startswith("hello") for row in rows) == 1_500
    assert all(row.assignee_id == agent.id for row in rows if isinstance(row, Contact))
    contact = next(row for row in rows if isinstance(row, Contact))
    assert desk.ledger.push(viewer, [issued(SendMessage(contact.id, "again"))]).results[0].refusal is None


# Backups


def put_file(blobs: Path) -> Path:
    """A file of the workspace, as the server keeps it."""
    folder = BlobFolder(blobs / WORKSPACE.id)
    assert folder.copy_in(io.BytesIO(BYTES), len(BYTES), None, None) == SHA
    place = folder.place(SHA)
    assert place is not None
    return place


def keep_file(database: Database) -> None:
    with database.write() as connection:
        connection.execute(sa.insert(tables.blob).values(ws=WORKSPACE.id, sha256=SHA, size=len(BYTES), touched_at=T0))


def everything(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with database.read() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=str)
            for table in tables.metadata.sorted_tables
        }


@pytest.fixture
def office(server_database: Database, tmp_path: Path) -> Office:
    """A workspace in which something has happened."""
    office = Office(server_database)
    office.admin.add_user(WORKSPACE.id, ANA, PASSWORD)
    office.submit(ReceiveMessage(MAI.id, "hello", PHONE.id))
    office.push(office.viewer(), SendMessage(MAI.id, "hi"))
    put_file(tmp_path / "blobs")
    keep_file(server_database)
    return office


def test_everything_comes_back_from_a_backup_into_either_database(
    office: Office, tmp_path: Path, sqlite_database: Database, postgres_database: Database
) -> None:
    tally = back_up(office.database, tmp_path / "blobs", tmp_path / "backup")
    assert (tally.files, tally.rows) == (1, sum(map(len, everything(office.database).values())))
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
    wanted = everything(office.database)
    others = [database for database in (sqlite_database, postgres_database) if database.url != office.database.url]
    for number, other in enumerate(others):
        blobs = tmp_path / f"blobs{number}"
        restore(other, blobs, tmp_path / "backup")
        found = everything(other)
        assert {name: rows for name, rows in found.items() if name != "workspace"} == {
            name: rows for name, rows in wanted.items() if name != "workspace"
        }
        assert (BlobFolder(blobs / WORKSPACE.id).place(SHA) or Path()).read_bytes() == BYTES
        restored = Office(other, begin=False)
        assert restored.pull(restored.viewer()) == office.pull(office.viewer())
        session = restored.accounts.sign_in(wire.SignIn(ANA.email, PASSWORD, wire.DeviceNote("x")))
        assert session.user_id == ANA.id


def test_after_a_restore_consoles_begin_anew_and_what_they_send_again_is_done_once(
    office: Office, tmp_path: Path
) -> None:
    viewer = office.viewer()
    before = office.push(viewer, SendMessage(MAI.id, "kept"), kept := uid())
    back_up(office.database, tmp_path / "blobs", tmp_path / "backup")
    office.push(viewer, SendMessage(MAI.id, "lost"), lost := uid())
    replica = Replica(office, viewer)
    replica.catch_up()
    restore(office.database, tmp_path / "blobs", tmp_path / "backup", over=True)
    with pytest.raises(ProblemError) as problem:
        office.ledger.changes(viewer, replica.cursor, replica.epoch, replica.sight, 10)
    assert problem.value.code == "cursor-epoch"
    assert office.push(viewer, SendMessage(MAI.id, "kept"), kept) == before
    assert office.push(viewer, SendMessage(MAI.id, "lost"), lost).refusal is None
    replica.catch_up()
    assert replica.begun == 2
    texts = [row.text for _, row in replica.rows.values() if isinstance(row, Message)]
    assert [texts.count(text) for text in ("hi", "kept", "lost")] == [1, 1, 1]


def test_what_may_have_gone_out_before_a_restore_is_not_sent_again(office: Office, tmp_path: Path) -> None:
    def deliver(connection: sa.Connection, ws: str, seq: int, command: object, rows: Any) -> None:
        values = {column.name: column.type.python_type() for column in tables.delivery.columns}
        for row in rows:
            if isinstance(row, Message) and row.status is not None:
                values |= {"ws": ws, "message_id": row.id, "state": "pending"}
                connection.execute(sa.insert(tables.delivery).values(values))

    def states() -> dict[str, str]:
        with office.database.read() as connection:
            found = connection.execute(sa.select(tables.delivery.c.message_id, tables.delivery.c.state)).all()
        texts = {line.id: line.text for line in office.all(Message)}
        return {texts[message_id]: state for message_id, state in found}

    office.ledger.after_effects.append(deliver)
    viewer = office.viewer()
    office.push(viewer, SendMessage(MAI.id, "waiting"))
    assert states() == {"waiting": "pending"}
    back_up(office.database, tmp_path / "blobs", tmp_path / "backup")
    restore(office.database, tmp_path / "blobs", tmp_path / "backup", over=True, clock=lambda: T0)
    office.ledger.push(viewer, [replace(issued(SendMessage(MAI.id, "from before")), at=T0 - 1)])
    office.ledger.push(viewer, [replace(issued(SendMessage(MAI.id, "from after")), at=T0)])
    assert states() == {"waiting": "sending", "from before": "sending", "from after": "pending"}


def test_a_database_that_is_not_empty_is_only_replaced_when_that_is_wanted(desk: Desk, tmp_path: Path) -> None:
    desk.good("init", "--workspace", "Hotel")
    file = tmp_path / "backup"
    assert "1 file" not in desk.good("backup", file)
    assert "there already" in desk.refused("backup", file)
    desk.good("init", "--workspace", "Later")
    before = everything(desk.database)
    assert "--yes" in desk.refused("restore", file)
    assert everything(desk.database) == before
    desk.good("restore", file, "--yes")
    assert [note.name for note in desk.admin.workspaces()] == ["Hotel"]
    desk.good("vacuum")


def test_nothing_is_restored_under_a_server_that_runs(desk: Desk, tmp_path: Path) -> None:
    desk.good("init", "--workspace", "Hotel")
    desk.good("backup", tmp_path / "backup")
    with only_server(desk.folder):
        assert "Another server" in desk.refused("restore", tmp_path / "backup", "--yes")


def _changed(source: Path, target: Path, change: str) -> None:
    """A backup with something wrong in it."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for member in old:
            content = old.extractfile(member)
            assert content is not None
            data = content.read()
            if change == "damaged file" and member.name != backup.ROWS:
                data = b"x" + data[1:]
            if change == "damaged rows" and member.name == backup.ROWS:
                data = data[:4096] + b"\xff" * (len(data) - 4096)
            if change == "no rows" and member.name == backup.ROWS:
                continue
            if change == "escape" and member.name != backup.ROWS:
                member.name, member.pax_headers = f"{backup.BLOBS}/../../{SHA}", {}
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))
        if change == "link":
            link = tarfile.TarInfo(f"{backup.BLOBS}/{WORKSPACE.id}/{SHA}")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            new.addfile(link)


@pytest.mark.parametrize("change", ["damaged file", "damaged rows", "no rows", "escape", "link", "cut", "no archive"])
def test_a_backup_that_is_damaged_or_forged_changes_nothing(
    sqlite_database: Database, tmp_path: Path, change: str
) -> None:
    office = Office(sqlite_database)
    put_file(tmp_path / "blobs")
    keep_file(sqlite_database)
    good, bad = tmp_path / "good", tmp_path / "bad"
    back_up(sqlite_database, tmp_path / "blobs", good)
    if change == "cut":
        bad.write_bytes(good.read_bytes()[:-20_000])
    elif change == "no archive":
        bad.write_bytes(b"nothing of the kind" * 100)
    else:
        _changed(good, bad, change)
    office.submit(ReceiveMessage(MAI.id, "later", PHONE.id))
    before = everything(sqlite_database)
    with pytest.raises(BackupError):
        restore(sqlite_database, tmp_path / "new", bad, over=True)
    assert everything(sqlite_database) == before
    assert not list(tmp_path.rglob(".ismsg-*"))
    assert [path.parts[-4] for path in tmp_path.rglob(SHA) if "new" not in path.parts] == ["blobs"]


def test_a_backup_is_of_one_moment(server_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(server_database)
    office.submit(ReceiveMessage(MAI.id, "before", PHONE.id))
    wanted = everything(server_database)
    copy_rows, started = backup._copy_rows, list[bool]()

    def and_meanwhile(source: sa.Connection, target: sa.Connection) -> int:
        source.execute(sa.select(tables.workspace)).all()
        if not started:
            started.append(True)
            office.submit(ReceiveMessage(MAI.id, "meanwhile", PHONE.id))
        return copy_rows(source, target)

    monkeypatch.setattr(backup, "_copy_rows", and_meanwhile)
    back_up(server_database, tmp_path / "blobs", tmp_path / "backup")
    assert everything(server_database) != wanted
    restore(server_database, tmp_path / "blobs", tmp_path / "backup", over=True)
    found = everything(server_database)
    assert found["row"] == wanted["row"]
    assert found["receipt"] == wanted["receipt"]


# The schema


def test_the_steps_make_the_tables_that_the_code_knows(server_database: Database) -> None:
    with server_database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []


def test_the_last_step_that_the_code_knows_is_the_last_that_there_is() -> None:
    steps = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert steps.get_current_head() == migrations.HEAD


def test_a_database_of_a_later_version_is_left_alone(server_database: Database) -> None:
    server_database.migrate()
    with server_database.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'later'"))
    with pytest.raises(DatabaseError, match="upgrade"):
        server_database.migrate()


def test_a_file_of_sqlite_is_for_its_owner_alone_and_survives_a_power_cut(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new' / 'server.db'}")
    database.migrate()
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0
    assert (tmp_path / "new" / "server.db").stat().st_mode & 0o077 == 0
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    database.close()


def test_two_users_with_different_eyes_can_be_set_up_by_rows_alone(server_database: Database) -> None:
    own = replace(BEN, visibility=Visibility.OWN)
    office = Office(server_database, [*SETTINGS, own, MAI])
    office.submit(ReceiveMessage(MAI.id, "hello", PHONE.id))
    assert not any(isinstance(row, Contact | Conversation) for _, row in office.pull(office.viewer(own)).values())
    office.push(office.viewer(ANA), AssignContact(MAI.id, own.id))
    assert any(isinstance(row, Conversation) for _, row in office.pull(office.viewer(own)).values())
