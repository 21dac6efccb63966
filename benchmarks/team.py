"""A server in a process of its own, and consoles that belong to it; run as `python -m benchmarks.team FOLDER`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from ismsg_tui.domain.entities import Entity, Workspace
from ismsg_tui.domain.wire import Session
from ismsg_tui.own_server import OwnServer, signed_in
from ismsg_tui.server.accounts import Accounts
from ismsg_tui.server.database import Database
from ismsg_tui.sync.remote import RemoteAuthority


class Office:
    """A workspace on a running server; a context manager."""

    def __init__(self, folder: Path, rows: Sequence[Entity]) -> None:
        """`rows` is what the workspace begins with, the workspace among it."""
        self.folder = folder
        self.workspace_id = next(row.id for row in rows if isinstance(row, Workspace))
        server = OwnServer(folder, self.workspace_id)
        server.take_in(rows)
        server.close()

    def __enter__(self) -> Office:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.team", str(self.folder), self.workspace_id],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._process.stdout is None or not (address := self._process.stdout.readline().strip()):
            raise RuntimeError("the server does not begin")
        self.address = address
        self._database = Database(f"sqlite:///{self.folder / 'server.db'}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._database.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    @property
    def memory(self) -> int:
        """What the server's process alone needs, in bytes."""
        rollup = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text()
        return 1024 * sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))

    def sign_in(self, user_id: str) -> Session:
        """A device of a user."""
        return Accounts(self._database).issue_local(self.workspace_id, user_id, "benchmark")

    def authority(self, user_id: str, folder: Path) -> RemoteAuthority:
        """The server as a console sees it."""
        return signed_in(self.address, self.sign_in(user_id), folder)


def main(folder: Path, workspace_id: str) -> None:
    """Say the address, and end with the standard input."""
    server = OwnServer(folder, workspace_id)
    print(server.address, flush=True)
    sys.stdin.read()
    server.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
