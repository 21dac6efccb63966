"""kill -9 at any moment: what was reported as done is there afterwards, and work goes on."""

from __future__ import annotations

import random
import threading
from pathlib import Path

from ismsg_tui.domain.commands import CloseConversation, SendMessage
from ismsg_tui.store import outbox
from ismsg_tui.store.drafts import read_draft
from ismsg_tui.store.outbox import OutboxState
from ismsg_tui.store.rows import CONVERSATION
from ismsg_tui.store.store import Store
from tests.at_work import IMPORTED, Done, another_process, read_done
from tests.factories import ANA, MAI, SETTINGS, examples
from tests.replicas import assert_sound, rows_of

KILLS = examples(30)


class Reports:
    """What the processes said they had done, over all their lives."""

    def __init__(self) -> None:
        self.done: list[Done] = []

    def texts(self, what: str) -> set[str]:
        return {done.text for done in self.done if done.what == what}


def live_and_die(folder: Path, seed: int, dice: random.Random, reports: Reports) -> None:
    """Let a process work, kill it after a random moment, and hear all it has said."""
    with another_process("work", folder, seed) as child:
        for _ in range(dice.randint(1, 12)):
            said = read_done(child)
            assert said is not None, "it ended by itself"
            reports.done.append(said)
        killer = threading.Timer(dice.uniform(0, 0.02), child.kill)
        killer.start()
        while (said := read_done(child)) is not None:
            reports.done.append(said)
        killer.join()


def check(folder: Path, reports: Reports) -> None:
    """Open the store as the next run does, and look for everything."""
    store = Store(folder)
    assert_sound(store)
    rows = rows_of(store)
    texts = {row["text"] for row in store.reader.execute("SELECT text FROM message")}
    assert reports.texts("sent") <= texts
    closed = {item.summary for item in map(CONVERSATION.decode, store.reader.execute(CONVERSATION.select))}
    assert reports.texts("closed") <= closed
    for name in reports.texts("imported"):
        assert {f"line {name}.{number}" for number in range(IMPORTED)} <= texts
    assert len(rows["contact"]) == 1 + sum(text.endswith(".0") and text.startswith("line") for text in texts)
    queued = [entry.issued.command for entry in outbox.entries(store.reader, OutboxState.PENDING)]
    assert reports.texts("sent") <= {command.text for command in queued if isinstance(command, SendMessage)}
    assert reports.texts("closed") <= {command.summary for command in queued if isinstance(command, CloseConversation)}
    check_draft(store, reports)
    store.close()


def check_draft(store: Store, reports: Reports) -> None:
    """The draft is the last one reported or newer: longer, or gone because it was sent."""
    draft = read_draft(store.reader, ANA.id, MAI.id).text
    last = next((done for done in reversed(reports.done) if done.what in ("typed", "sent")), None)
    if last is None:
        return
    reported = last.text if last.what == "typed" else ""
    if draft == reported or draft.startswith(reported):
        return
    after = {row["text"] for row in store.reader.execute("SELECT text FROM message")} - reports.texts("sent")
    started_anew = len(reported) > 1_900
    assert started_anew or (draft == "" and any(text.startswith("sent ") for text in after))


def test_nothing_that_was_reported_is_lost_by_killing_the_process_and_the_next_one_goes_on(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.adopt([*SETTINGS, MAI])
    store.close()
    dice = random.Random()
    reports = Reports()
    for seed in range(KILLS):
        live_and_die(tmp_path, seed, dice, reports)
        check(tmp_path, reports)
    assert {done.what for done in reports.done} == {"typed", "sent", "closed", "imported"}
