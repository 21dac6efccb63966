"""The server over HTTP: one module a topic, each with its handlers."""

from __future__ import annotations
