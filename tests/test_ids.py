"""Ids that follow from something else."""

from __future__ import annotations

from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from ismsg_tui.clock import new_id
from ismsg_tui.domain.ids import Part, command_of, content_id, derived_id


@given(st.uuids(), st.sampled_from(Part))
def test_a_derived_id_is_a_uuid_of_its_own_and_tells_its_command(command: UUID, part: Part) -> None:
    derived = derived_id(str(command), part)
    assert str(UUID(derived)) == derived != str(command)
    assert UUID(derived).version == command.version
    assert command_of(derived, part) == str(command)


def test_the_parts_of_a_command_sort_in_their_order_and_before_the_next_command() -> None:
    commands = [new_id() for _ in range(50)]
    derived = [derived_id(command, part) for command in commands for part in Part]
    assert derived == sorted(derived)
    assert len(set(derived)) == len(derived)


@given(st.integers(0, 2**48 - 1), st.lists(st.text(max_size=5), max_size=3))
def test_the_same_content_has_the_same_uuid_of_version_seven_with_its_time(at: int, parts: list[str]) -> None:
    found = UUID(content_id(at, *parts))
    assert (found.version, found.variant, found.int >> 80) == (7, RFC_4122, at)
    assert content_id(at, *parts) == str(found) != content_id(at, *parts, "more")
