"""What is posted to the server, read strictly: what is wrong is named by where it is."""

from __future__ import annotations

import pytest
from msgspec import Struct

from ismsg_tui.server.bodies import decode
from ismsg_tui.server.errors import ProblemError


class Inner(Struct):
    """What is in a list."""

    number: int


class Outer(Struct):
    """What is posted."""

    many: list[Inner]
    named: dict[str, Inner] = {}
    counted: dict[int, str] = {}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"5", ""),
        (b"{}", "/many"),
        (b'{"many": [{"number": 1}, {"number": "x"}]}', "/many/1/number"),
        (b'{"many": [{"number": 1}, {}]}', "/many/1/number"),
        (b'{"many": [], "named": {"a": {"number": null}}}', "/named/number"),
        (b'{"many": [], "counted": {"x": "y"}}', "/counted"),
    ],
)
def test_what_is_wrong_with_a_body_is_named_by_its_place_in_the_whole(body: bytes, pointer: str) -> None:
    for before in ("", "/events/3"):
        with pytest.raises(ProblemError) as caught:
            decode(body, Outer, before)
        assert [error.pointer for error in caught.value.errors] == [before + pointer]
