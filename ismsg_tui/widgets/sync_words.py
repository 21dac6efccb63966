"""How things stand with the server, in words of every length: the title shows the longest for which there is room."""

from __future__ import annotations

from ismsg_tui import times
from ismsg_tui.actions import action
from ismsg_tui.domain.text import one_line
from ismsg_tui.key_names import key_label
from ismsg_tui.sync.status import Progress, SyncState, SyncStatus

CLOCK_OFF = 5 * 60_000
"""By how much, in milliseconds, the clocks may differ before the agent is told."""
LONGEST_REASON = 80


def sync_words(status: SyncStatus | None, now: int, *, own: bool = False) -> tuple[str, ...]:
    """How things stand, the longest words first; None where there is no server, `own` where it is the console's own."""
    if status is None or (own and status.state in (SyncState.SYNCED, SyncState.SYNCING)):
        return ("local",)
    match status.state:
        case SyncState.SYNCED:
            return (*_clock_words(status.skew), "online")
        case SyncState.SYNCING:
            return _progress_words(status.progress)
        case SyncState.OFFLINE:
            since = times.moment(status.since, times.local(now).date())
            return f"offline since {since}", f"offline {since}", "offline"
        case SyncState.SIGNED_OUT:
            key = key_label(action("sign_in").current_keys[0])
            return (*((f"signed out: {key} signs in", f"signed out: {key}") if key else ()), "signed out")
        case SyncState.FAILED:
            reason = one_line(status.reason, LONGEST_REASON).rstrip(".")
            return (*((f"sync fails: {reason}",) if reason else ()), "sync fails: see the log", "sync fails")
        case SyncState.ELSEWHERE:
            return "kept in sync by another window", "synced elsewhere"


def is_trouble(status: SyncStatus | None) -> bool:
    """Whether the agent should notice how things stand."""
    return status is not None and status.state in (SyncState.OFFLINE, SyncState.SIGNED_OUT, SyncState.FAILED)


def _progress_words(progress: Progress | None) -> tuple[str, ...]:
    if progress is None or not progress.done:
        return ("syncing",)
    done, total = progress.done, max(progress.total, progress.done)
    if not progress.total:
        return f"syncing {done:,}", "syncing"
    counted = f"syncing {done:,} of {total:,}"
    rate = f"{progress.rate:,.0f}/s"
    left = f"{_duration((total - done) / progress.rate)} left" if progress.rate > 0 else ""
    words = [" · ".join(filter(None, (counted, rate, left))), " · ".join(filter(None, (counted, left)))]
    return (*(words if progress.rate > 0 else ()), counted, f"syncing {100 * done // total} %", "syncing")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _clock_words(skew: int) -> tuple[str, ...]:
    if abs(skew) < CLOCK_OFF:
        return ()
    return (f"online · this clock is {_duration(abs(skew) / 1000)} {'slow' if skew > 0 else 'fast'}",)
