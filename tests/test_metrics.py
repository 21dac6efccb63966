"""Every figure of the reports can be computed from the rows of conversations alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from statistics import mean

from msgspec import Struct

from ismsg_tui.domain.commands import AssignContact, OpenConversation
from ismsg_tui.domain.entities import Conversation, ConversationStatus, Source
from tests.factories import ANA, BEN, BOT, BY_BEN, FLOW, HOUR, MAI, MINUTE, PHONE, Story


class Report(Struct, frozen=True):
    """The metrics of a period, times in milliseconds, over the conversations closed in it."""

    opened: int
    closed: int
    first_response: float
    resolution: float
    longest_resolution: int
    first_assignment_to_response: float
    last_assignment_to_response: float
    response: float
    responses: float
    incoming: int
    outgoing: int
    by_category: dict[str | None, int]
    by_closer: dict[str | None, int]
    by_team: dict[str | None, int]
    by_opener: dict[Source, int]
    by_channel: dict[str | None, int]


def report(conversations: Iterable[Conversation], start: int, end: int) -> Report:
    every = list(conversations)
    closed = [
        found
        for found in every
        if found.status is ConversationStatus.CLOSED and found.closed_at is not None and start <= found.closed_at < end
    ]
    resolutions = [found.closed_at - found.opened_at for found in closed if found.closed_at is not None]
    answered = sum(found.response_count for found in closed)
    return Report(
        opened=sum(start <= found.opened_at < end for found in every),
        closed=len(closed),
        first_response=mean(
            found.first_response_at - found.opened_at for found in closed if found.first_response_at is not None
        ),
        resolution=mean(resolutions),
        longest_resolution=max(resolutions),
        first_assignment_to_response=mean(
            found.first_response_at - found.first_assigned_at
            for found in closed
            if found.first_response_at is not None and found.first_assigned_at is not None
        ),
        last_assignment_to_response=mean(
            found.assigned_response_at - found.last_assigned_at
            for found in closed
            if found.assigned_response_at is not None and found.last_assigned_at is not None
        ),
        response=sum(found.response_wait for found in closed) / answered,
        responses=mean(found.reply_count for found in closed),
        incoming=sum(found.incoming_count for found in closed),
        outgoing=sum(found.outgoing_count for found in closed),
        by_category=Counter(found.category for found in closed),
        by_closer=Counter(found.closed_by for found in closed),
        by_team=Counter(found.closed_by_team for found in closed),
        by_opener=Counter(found.opened_source for found in closed),
        by_channel=Counter(found.opened_channel for found in closed),
    )


def told() -> Story:
    """Three conversations in one contact's history, minutes after the beginning in brackets."""
    story = Story()
    story.hear("is my room ready?")  # [0] opens
    story.reply("one moment", BOT, after=MINUTE)  # [1] a bot: no answer
    story.do(AssignContact(MAI.id, ANA.id), FLOW, after=MINUTE)  # [2] first assignment
    story.hear("hello?", after=MINUTE)  # [3] the same wait goes on
    story.reply("in ten minutes", after=2 * MINUTE)  # [5] first response, waited 5
    story.do(AssignContact(MAI.id, BEN.id, expected_id=ANA.id), after=MINUTE)  # [6] last assignment
    story.hear("thank you", after=2 * MINUTE)  # [8]
    story.reply("welcome", BY_BEN, after=MINUTE)  # [9] answer after the last assignment, waited 1
    story.reply("your key", BY_BEN, after=MINUTE)  # [10] nobody waited
    story.close("Booking", "room ready", after=10 * MINUTE)  # [20]

    story.hear("I lost my key", after=40 * MINUTE)  # [60] opens, assigned to Ben from the start
    story.reply("come down", BY_BEN, after=4 * MINUTE)  # [64] first response, waited 4
    story.close("Refund", actor=BY_BEN, after=6 * MINUTE)  # [70]

    story.do(OpenConversation(MAI.id), after=50 * MINUTE)  # [120] Ana opens by hand
    story.hear("yes?", after=10 * MINUTE)  # [130]
    story.close(actor=FLOW, after=5 * MINUTE)  # [135] a workflow closes, nobody had answered
    return story


def test_every_metric_of_a_story_equals_what_was_worked_out_by_hand() -> None:
    story = told()
    start = story.conversations()[0].opened_at
    figures = report(story.conversations(), start, start + 24 * HOUR)
    assert figures == Report(
        opened=3,
        closed=3,
        first_response=(5 + 4) / 2 * MINUTE,
        resolution=(20 + 10 + 15) / 3 * MINUTE,
        longest_resolution=20 * MINUTE,
        first_assignment_to_response=(3 + 4) / 2 * MINUTE,
        last_assignment_to_response=(3 + 4) / 2 * MINUTE,
        response=(5 + 1 + 4) / 3 * MINUTE,
        responses=(3 + 1 + 0) / 3,
        incoming=5,
        outgoing=5,
        by_category={"Booking": 1, "Refund": 1, None: 1},
        by_closer={ANA.id: 1, BEN.id: 1, None: 1},
        by_team={"Front desk": 1, None: 2},
        by_opener={Source.CONTACT: 2, Source.USER: 1},
        by_channel={PHONE.id: 3},
    )


def test_a_period_counts_what_was_opened_and_what_was_closed_in_it() -> None:
    story = told()
    start = story.conversations()[0].opened_at
    figures = report(story.conversations(), start + 20 * MINUTE, start + 130 * MINUTE)
    assert (figures.opened, figures.closed) == (2, 2)


def test_first_and_last_assignee_and_first_responder_are_kept() -> None:
    first = told().conversations()[0]
    assert (first.first_assignee, first.last_assignee, first.first_response_by) == (ANA.id, BEN.id, ANA.id)
