"""Finding the authority of a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ismsg_tui.sync.credentials import Credentials, read_account

if TYPE_CHECKING:
    from ismsg_tui.sync.remote import RemoteAuthority


def connect(folder: Path) -> RemoteAuthority | None:
    """The server that the store in a folder belongs to; None for a workspace of one's own. Asks nothing yet.

    Raises ClientError where the account of the folder can't be read.
    """
    account = read_account(folder)
    if account is None:
        return None
    # Without a server nobody has to wait for the HTTP library.
    from ismsg_tui.sync.remote import RemoteAuthority  # noqa: PLC0415

    return RemoteAuthority(account.url, Credentials(folder))
