"""Files on the disk, for the console's store and for the server alike: opened with care, copied, hashed, kept."""

from __future__ import annotations
