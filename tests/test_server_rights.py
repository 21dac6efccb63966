"""Rights: every role, visibility and relation to the contact with every command, and what each user gets to see."""

from __future__ import annotations

import tempfile
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ismsg_tui.domain.commands import (
    Actor,
    AddComment,
    AssignContact,
    CloseConversation,
    Command,
    CreateContact,
    DeleteSnippet,
    Issued,
    MarkRead,
    MarkUnread,
    OpenConversation,
    ReceiveMessage,
    SaveSnippet,
    SendMessage,
    SetDelivery,
    SnoozeConversation,
    UseSnippet,
    WakeConversation,
)
from ismsg_tui.domain.entities import (
    Contact,
    Delivery,
    Entity,
    Role,
    Snippet,
    Source,
    User,
    Visibility,
)
from ismsg_tui.domain.rights import UNKNOWN_CONTACT, sees
from ismsg_tui.domain.rules import decide
from ismsg_tui.domain.state import Refusal
from ismsg_tui.server import feed
from ismsg_tui.server.database import Database
from tests.factories import GUEST, HOUR, PHONE, SETTINGS, T0, WEB, WORKSPACE, Story, examples, uid
from tests.server_office import Office, Replica, Rows
from tests.servers import sqlite_url

TEAM = "Front desk"
VIEWERS = {
    (role, visibility): User(id=uid(), name=f"{role} {visibility}", team=TEAM, role=role, visibility=visibility)
    for role, visibility in product(Role, Visibility)
}
MATE = User(id=uid(), name="Mate", team=TEAM)
OTHER = User(id=uid(), name="Other", team="Kitchen")
LONER = User(id=uid(), name="Loner")
RELATIONS = ("own", "mate", "other", "loner", "nobody")
EVERYBODY = [*VIEWERS.values(), MATE, OTHER, LONER]

SEEN: dict[tuple[Role, Visibility], tuple[str, ...]] = {
    (Role.AGENT, Visibility.OWN): ("own",),
    (Role.AGENT, Visibility.TEAM): ("own", "mate"),
}
"""Who does not see every contact, and which he sees."""

CONTACT_COMMANDS = (
    SendMessage,
    AddComment,
    OpenConversation,
    CloseConversation,
    SnoozeConversation,
    WakeConversation,
    AssignContact,
    MarkRead,
    MarkUnread,
)
CHANNEL_COMMANDS = (ReceiveMessage, SetDelivery, CreateContact)
SNIPPET_COMMANDS = (SaveSnippet, DeleteSnippet, UseSnippet)
KINDS: tuple[type[Command], ...] = (*CONTACT_COMMANDS, *CHANNEL_COMMANDS, *SNIPPET_COMMANDS)
CASES = list(product(VIEWERS, RELATIONS, KINDS))


def holder(viewer: User, relation: str) -> str | None:
    """Who has the contact."""
    return {"own": viewer.id, "mate": MATE.id, "other": OTHER.id, "loner": LONER.id, "nobody": None}[relation]


def expected(key: tuple[Role, Visibility], relation: str, kind: type[Command]) -> str:
    """The code of the refusal; empty for what is allowed."""
    hidden = relation not in SEEN.get(key, RELATIONS)
    if kind in CONTACT_COMMANDS:
        return "unknown-contact" if hidden else ""
    if kind in CHANNEL_COMMANDS:
        return "unknown-contact" if hidden and kind is not CreateContact else "not-allowed"
    return "not-allowed" if key[0] is Role.AGENT and kind is not UseSnippet else ""


def story_of(viewer: User, relation: str, kind: type[Command]) -> tuple[Story, Snippet, Command]:
    """A contact for whom the command makes sense, a snippet, and the command."""
    contact = Contact(id=uid(), first_name="Guest", channel_id=PHONE.id, assignee_id=holder(viewer, relation))
    story = Story(contact)
    story.write(EVERYBODY)
    if kind is not OpenConversation:
        story.hear()
    story.do(SendMessage(contact.id, "hello"), Actor(None, Source.BOT))
    if kind is OpenConversation:
        story.do(CloseConversation(contact.id), Actor(None, Source.BOT))
    sent = story.lines(contact.id)[1].id
    snippet = Snippet(id=uid(), name=f"Snippet {contact.id}", text="x")
    wanted = LONER.id if relation != "loner" else MATE.id
    commands: dict[type[Command], Command] = {
        SendMessage: SendMessage(contact.id, "hi"),
        AddComment: AddComment(contact.id, "note"),
        OpenConversation: OpenConversation(contact.id),
        CloseConversation: CloseConversation(contact.id),
        SnoozeConversation: SnoozeConversation(contact.id, T0 + 1_000 * HOUR),
        WakeConversation: WakeConversation(contact.id),
        AssignContact: AssignContact(contact.id, wanted, contact.assignee_id),
        MarkRead: MarkRead(contact.id, T0),
        MarkUnread: MarkUnread(contact.id),
        ReceiveMessage: ReceiveMessage(contact.id, "more", PHONE.id),
        SetDelivery: SetDelivery(contact.id, sent, Delivery.SENT),
        CreateContact: CreateContact(replace(contact, id=uid())),
        SaveSnippet: SaveSnippet(replace(snippet, text="changed")),
        DeleteSnippet: DeleteSnippet(snippet.id),
        UseSnippet: UseSnippet(snippet.id),
    }
    return story, snippet, commands[kind]


def test_the_table_holds_every_command() -> None:
    assert set(KINDS) == set(Command.__args__)


def test_the_rules_know_who_may_do_what() -> None:
    for key, relation, kind in CASES:
        story, snippet, command = story_of(VIEWERS[key], relation, kind)
        story.write([snippet])
        outcome = decide(story.state(command), Issued(uid(), command, Actor(VIEWERS[key].id), story.now))
        refused = outcome.code if isinstance(outcome, Refusal) else ""
        assert refused == expected(key, relation, kind), (key, relation, kind)


def test_the_server_knows_who_may_do_what(server_database: Database) -> None:
    office = Office(server_database, [*SETTINGS, *EVERYBODY])
    given: list[tuple[tuple[Role, Visibility], str, Command]] = []
    rows: list[Entity] = []
    for key, relation, kind in CASES:
        story, snippet, command = story_of(VIEWERS[key], relation, kind)
        rows += [row for row in (*story.rows.values(), snippet) if row not in SETTINGS and not isinstance(row, User)]
        given.append((key, relation, command))
    office.ledger.seed(WORKSPACE.id, rows, past=True)
    viewers = {key: office.viewer(user) for key, user in VIEWERS.items()}
    for key, relation, command in given:
        head = office.head()
        result = office.push(viewers[key], command)
        refused = result.refusal.code if result.refusal else ""
        assert refused == expected(key, relation, type(command)), (key, relation, command)
        assert not refused or office.head() == head


def test_a_hidden_contact_and_one_that_is_not_there_cannot_be_told_apart(server_database: Database) -> None:
    hidden = Contact(id=uid(), first_name="Hidden", assignee_id=OTHER.id, channel_id=PHONE.id)
    office = Office(server_database, [*SETTINGS, *EVERYBODY, hidden])
    viewer = office.viewer(VIEWERS[Role.AGENT, Visibility.OWN])
    for kind in (*CONTACT_COMMANDS, ReceiveMessage, SetDelivery):
        _, _, command = story_of(OTHER, "nobody", kind)
        results = [office.push(viewer, replace(command, contact_id=contact_id)) for contact_id in (hidden.id, uid())]
        assert [result.refusal for result in results] == [UNKNOWN_CONTACT] * 2
    timer = Issued(uid(), WakeConversation(hidden.id), Actor(None, Source.TIMER), 0)
    assert office.ledger.push(viewer, [timer]).results[0].refusal == UNKNOWN_CONTACT
    assert office.ledger.in_sight(viewer, {hidden.id, uid(), "\0"}) == frozenset()
    assert office.ledger.in_sight(office.viewer(OTHER), {hidden.id}) == {hidden.id}


def test_only_somebody_of_a_team_shares_his_contacts_with_it() -> None:
    loner = User(id=uid(), name="x", visibility=Visibility.TEAM)
    assert not sees(loner, LONER)
    assert sees(loner, loner)


def test_what_was_done_before_a_contact_went_out_of_sight_stays_done(sqlite_database: Database) -> None:
    own = VIEWERS[Role.AGENT, Visibility.OWN]
    contact = Contact(id=uid(), first_name="Mine", assignee_id=own.id, channel_id=PHONE.id)
    office = Office(sqlite_database, [*SETTINGS, *EVERYBODY, contact])
    viewer = office.viewer(own)
    done = office.push(viewer, SendMessage(contact.id, "hi"), id := uid())
    office.push(viewer, AssignContact(contact.id, OTHER.id, own.id))
    assert office.push(viewer, SendMessage(contact.id, "hi"), id) == done
    assert office.push(viewer, SendMessage(contact.id, "again")).refusal == UNKNOWN_CONTACT


# What each user sees


def test_a_contact_comes_whole_into_sight_and_goes_whole(server_database: Database) -> None:
    own = VIEWERS[Role.AGENT, Visibility.OWN]
    contact = Contact(id=uid(), first_name="Wanderer", channel_id=PHONE.id)
    office = Office(server_database, [*SETTINGS, *EVERYBODY, contact])
    replica = Replica(office, office.viewer(own), limit=3)
    for _ in range(4):
        office.submit(ReceiveMessage(contact.id, "hello", PHONE.id))
    replica.catch_up()
    assert not seen_contacts(replica.rows)
    owner = office.viewer(VIEWERS[Role.OWNER, Visibility.ALL])
    office.push(owner, AssignContact(contact.id, own.id))
    assert_sees_his_own(office, replica)
    assert seen_contacts(replica.rows) == {contact.id}
    office.push(owner, AssignContact(contact.id, OTHER.id, own.id))
    assert_sees_his_own(office, replica)
    assert not seen_contacts(replica.rows)
    assert replica.begun == 1


def test_a_page_that_was_lost_while_a_contact_wandered_to_and_fro_does_not_matter(server_database: Database) -> None:
    own = VIEWERS[Role.AGENT, Visibility.OWN]
    contact = Contact(id=uid(), first_name="Wanderer", channel_id=PHONE.id, assignee_id=own.id)
    office = Office(server_database, [*SETTINGS, *EVERYBODY, contact])
    replica = Replica(office, office.viewer(own), limit=1)
    replica.catch_up()
    owner = office.viewer(VIEWERS[Role.OWNER, Visibility.ALL])
    for before, after in ((own, OTHER), (OTHER, own), (own, OTHER), (OTHER, own)):
        office.push(owner, AssignContact(contact.id, after.id, before.id))
        office.submit(ReceiveMessage(contact.id, "hello", PHONE.id))
        replica.take_page()
    assert_sees_his_own(office, replica)


def test_nobody_is_told_of_contacts_that_were_never_in_his_sight(server_database: Database) -> None:
    people = [Contact(id=uid(), first_name="Guest", channel_id=PHONE.id, assignee_id=OTHER.id) for _ in range(3)]
    office = Office(server_database, [*SETTINGS, *EVERYBODY, *people])
    viewer = office.viewer(VIEWERS[Role.AGENT, Visibility.OWN])
    hello = office.ledger.hello(viewer)
    owner = office.viewer(VIEWERS[Role.OWNER, Visibility.ALL])
    for contact in people:
        office.push(owner, AssignContact(contact.id, LONER.id, OTHER.id))
    page = office.ledger.changes(viewer, hello.head, hello.epoch, hello.sight, 100)
    assert (page.rows, page.gone, page.to) == ([], [], office.head())


CHANGES = [
    {"role": Role.AGENT},
    {"role": Role.MANAGER},
    {"visibility": Visibility.OWN},
    {"visibility": Visibility.TEAM},
    {"visibility": Visibility.ALL},
    {"team": TEAM},
    {"team": "Kitchen"},
    {"team": ""},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_change_of_what_one_may_see_has_the_console_begin_anew(
    sqlite_database: Database, change: dict[str, str]
) -> None:
    people = [
        Contact(id=uid(), first_name="Guest", channel_id=PHONE.id, assignee_id=assignee)
        for assignee in (MATE.id, OTHER.id, LONER.id, None)
    ]
    office = Office(sqlite_database, [*SETTINGS, *EVERYBODY, *people])
    replicas = [Replica(office, office.viewer(user)) for user in EVERYBODY]
    for replica in replicas:
        replica.catch_up()
    for user in EVERYBODY:
        office.ledger.seed(WORKSPACE.id, [replace(user, **change)])
        for replica in replicas:
            assert_sees_his_own(office, replica)


def test_who_sees_all_does_not_begin_anew_because_somebody_changed_the_team(sqlite_database: Database) -> None:
    office = Office(sqlite_database, [*SETTINGS, *EVERYBODY])
    replicas = {
        visibility: Replica(office, office.viewer(VIEWERS[Role.AGENT, visibility])) for visibility in Visibility
    }
    office.ledger.seed(WORKSPACE.id, [replace(MATE, team="Kitchen")])
    office.ledger.seed(WORKSPACE.id, [replace(OTHER, name="Renamed")])
    for replica in replicas.values():
        replica.catch_up()
    assert {visibility: replica.begun for visibility, replica in replicas.items()} == {
        Visibility.ALL: 1,
        Visibility.OWN: 1,
        Visibility.TEAM: 2,
    }


WATCHERS = [
    VIEWERS[Role.AGENT, Visibility.OWN],
    VIEWERS[Role.AGENT, Visibility.TEAM],
    VIEWERS[Role.OWNER, Visibility.OWN],
]
PEOPLE = [Contact(id=uid(), first_name=f"Guest {number}", channel_id=PHONE.id) for number in range(4)]
contacts = st.sampled_from([contact.id for contact in PEOPLE])
assignees = st.sampled_from([WATCHERS[0].id, WATCHERS[1].id, MATE.id, OTHER.id, None])
events = st.one_of(
    st.tuples(st.just("assign"), contacts, assignees),
    st.tuples(st.just("assign"), contacts, assignees),
    st.tuples(st.just("hear"), contacts, st.none()),
    st.tuples(st.just("reply"), contacts, st.sampled_from([user.id for user in (*WATCHERS, MATE, OTHER)])),
    st.tuples(st.just("close"), contacts, st.none()),
    st.tuples(st.just("change"), st.sampled_from([str(number) for number in range(len(CHANGES))]), st.none()),
    st.tuples(st.just("pull"), st.sampled_from(["0", "1", "2"]), st.none()),
    st.tuples(st.just("pull"), st.sampled_from(["0", "1", "2"]), st.none()),
)


@settings(max_examples=examples(60))
@given(
    steps=st.lists(events, max_size=30),
    limits=st.tuples(*[st.sampled_from([1, 2, 5, 5_000])] * 3),
    late=st.lists(st.sampled_from([0, 1]), max_size=3),
    most_moved=st.sampled_from([1, 200]),
)
def test_everybody_holds_exactly_what_he_may_see_whatever_was_assigned_meanwhile(
    steps: list[tuple[str, str, str | None]], limits: tuple[int, ...], late: list[int], most_moved: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "MOST_MOVED", most_moved)
        database = Database(sqlite_url(Path(folder)))
        office = Office(database, [*SETTINGS, *EVERYBODY, *PEOPLE])
        replicas = [Replica(office, office.viewer(user), limit) for user, limit in zip(WATCHERS, limits, strict=True)]
        for what, first, second in steps:
            happen(office, replicas, what, first, second)
        for place in late:
            replicas[place].take_page()
        for replica in replicas:
            assert_sees_his_own(office, replica)
            assert office.ledger.hello(replica.viewer).rows == len(replica.rows)
        database.close()


def happen(office: Office, replicas: list[Replica], what: str, first: str, second: str | None) -> None:
    """One thing happens at the server, or one console pulls one page."""
    owner = Actor(WATCHERS[2].id)
    match what:
        case "assign":
            now = office.contact(first).assignee_id
            office.submit(AssignContact(first, second, now), owner)
        case "hear":
            office.submit(ReceiveMessage(first, "hello", WEB.id), GUEST)
        case "reply":
            office.submit(SendMessage(first, "hi"), Actor(second))
        case "close":
            office.submit(CloseConversation(first), owner)
        case "change":
            user = office.ledger.read(WORKSPACE.id, "user", WATCHERS[int(first) % 2].id)
            assert isinstance(user, User)
            office.ledger.seed(WORKSPACE.id, [replace(user, **CHANGES[int(first)])])  # type: ignore[arg-type]
        case "pull":
            replicas[int(first)].take_page()


def seen_contacts(rows: Rows) -> set[str]:
    """The contacts in some rows."""
    return {id for kind, id in rows if kind == "contact"}


def assert_sees_his_own(office: Office, replica: Replica) -> None:
    """A console that has caught up holds, row by row, what its user may see, and nothing else."""
    everything = office.pull(office.viewer(VIEWERS[Role.OWNER, Visibility.ALL]))
    users = {row.id: row for _, row in everything.values() if isinstance(row, User)}
    holders = {row.id: row.assignee_id for _, row in everything.values() if isinstance(row, Contact)}
    me = users[replica.viewer.user_id]

    def in_sight(row: Entity) -> bool:
        contact_id = row.id if isinstance(row, Contact) else getattr(row, "contact_id", None)
        return contact_id is None or sees(me, users.get(holders[contact_id] or ""))

    assert replica.catch_up() == {key: found for key, found in everything.items() if in_sight(found[1])}
