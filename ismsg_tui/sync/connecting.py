"""Finding the authority of a store."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ismsg_tui.sync.credentials import Credentials, read_account
from ismsg_tui.sync.relay import Relay

if TYPE_CHECKING:
    from ismsg_tui.sync.remote import RemoteAuthority


class Connection(Relay):
    """The server that a store belongs to.

    The HTTP library is loaded by whoever asks first, which is the thread that synchronises: nobody waits for it.
    """

    def __init__(self, url: str, credentials: Credentials) -> None:
        self._url = url
        self._credentials = credentials
        self._lock = threading.Lock()
        self._remote: RemoteAuthority | None = None

    def there(self) -> RemoteAuthority:
        """The server. Raises ClientError where the account of the folder can't be read."""
        with self._lock:
            if self._remote is None:
                from ismsg_tui.sync.remote import RemoteAuthority  # noqa: PLC0415 - see above

                self._remote = RemoteAuthority(self._url, self._credentials)
            return self._remote

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._remote is not None:
                self._remote.close()


def connect(folder: Path) -> Connection | None:
    """The server that the store in a folder belongs to; None for a workspace of one's own. Asks nothing yet.

    Raises ClientError where the account of the folder can't be read.
    """
    account = read_account(folder)
    return Connection(account.url, Credentials(folder)) if account else None
