"""What every test shares: property tests run without a stopwatch, since a slow machine is no fault of the code."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("ismsg", deadline=None)
settings.load_profile("ismsg")
