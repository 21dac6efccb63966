"""What a measurement is, and where real input lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parents[2] / "shared" / "data"
"""Real conversations, where somebody has put them beside the checkout."""


@dataclass(frozen=True)
class Result:
    """One measurement and its baseline in the same unit; without numbers it says why there are none."""

    name: str
    value: float = 0.0
    baseline: float = 0.0
    unit: str = ""
    reason: str = ""

    @classmethod
    def skipped(cls, name: str, reason: str) -> Result:
        """A measurement that could not be taken."""
        return cls(name, reason=reason)

    @property
    def line(self) -> str:
        """`name | value | baseline | ratio`; the ratio is value by baseline."""
        if self.reason:
            return f"{self.name} | skipped: {self.reason} | |"
        value, baseline = (f"{number:,.4g} {self.unit}" for number in (self.value, self.baseline))
        return f"{self.name} | {value} | {baseline} | {self.value / self.baseline:.2f}"
