"""Microphone, voice notes and playback. Sound libraries are imported when sound is first wanted, never before."""

from __future__ import annotations
