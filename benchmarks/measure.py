"""What a measurement is, and where real input lies."""

from __future__ import annotations

import sys
from collections.abc import Sequence
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
        ratio = f"{self.value / self.baseline:.2f}" if self.baseline else "–"
        return f"{self.name} | {value} | {baseline} | {ratio}"


def share(values: Sequence[float], percent: float) -> float:
    """The value that so many per cent of the values do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


def shares(name: str, values: Sequence[float], baseline: Sequence[float], percents: Sequence[float]) -> list[Result]:
    """Results for some percentiles of times in seconds, each against the same one of the baseline."""
    return [
        Result(
            f"{name}, {'max' if percent == 100 else f'p{percent:g}'}",
            1000 * share(values, percent),
            1000 * share(baseline, percent),
            "ms",
        )
        for percent in percents
    ]


def say(words: str) -> None:
    """Tell whoever waits what is going on."""
    print(words, file=sys.stderr, flush=True)
