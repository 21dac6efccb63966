"""What is shown once to whoever works here: remembered in the user's own folder, whatever data is worked on."""

from __future__ import annotations

from pathlib import Path

TOUR = "tour"


def first_time(what: str, folder: Path) -> bool:
    """Whether something was never shown before; from now on it was.

    It is a file without content in `folder`. Where that can't be written the answer is no: what can't be remembered
    would be shown every time.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / f"{what}.shown").open("x").close()
    except OSError:
        return False
    return True
