"""ismsg, an agent's desk in the terminal: customers write in, the agent answers them with the keyboard."""

from __future__ import annotations

__version__ = "0.1.0"
"""The version of the distribution; its only source."""
