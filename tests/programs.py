"""Shell scripts that stand in for the programs of a desktop, and what becomes of their processes."""

from __future__ import annotations

import os
import select
import shutil
import sys
from pathlib import Path

import pytest

from tests.waiting import PATIENCE

XTERM = {"TERM": "xterm-256color"}
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the helpers of Linux")


def programs(folder: Path, **scripts: str) -> dict[str, str]:
    """Shell scripts under the names of helpers; returns the environment in which these are found and no real ones."""
    for name, script in scripts.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    for tool in ("cat", "head", "sleep"):
        found = shutil.which(tool)
        assert found
        if not (folder / tool).exists():
            (folder / tool).symlink_to(found)
    return {**XTERM, "PATH": str(folder), "OUT": str(folder / "out")}


def has_ended(pid: int) -> bool:
    """Whether a process ends, without waiting for good."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ended, _, _ = select.select([descriptor], [], [], PATIENCE)
    os.close(descriptor)
    return bool(ended)
