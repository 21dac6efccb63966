"""Reading JSON and rows as types, on many threads at once."""

from __future__ import annotations

import subprocess
import sys

FIRST_USES = """
import sys, threading
import msgspec
from ismsg_tui.domain.commands import Actor, Issued, SendMessage
from ismsg_tui.domain.packing import convert, unpack

sys.setswitchinterval(1e-6)
issued = Issued("i", SendMessage("c", "hello"), Actor("u"), 1)
packed, plain = msgspec.json.encode(issued), msgspec.to_builtins(issued)
together, right = threading.Barrier(8), []

def read(number):
    together.wait()
    found = unpack(packed, Issued) if number % 2 else convert(plain, Issued)
    right.append(found == issued)

threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(right.count(True))
"""


def test_threads_that_need_a_type_first_at_the_same_moment_all_get_it() -> None:
    for _ in range(5):
        found = subprocess.run([sys.executable, "-c", FIRST_USES], capture_output=True, text=True, check=False)
        assert (found.returncode, found.stdout) == (0, "8\n"), found.stderr
