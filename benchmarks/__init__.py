"""Measurements of speed against what the parts underneath could do at best; `python -m benchmarks` runs them."""

from __future__ import annotations
