"""What the recorder bar shows of what is recorded, waits or is played."""

from __future__ import annotations

from ismsg_tui.audio.player import Playback
from ismsg_tui.audio.recorder import RecorderState
from ismsg_tui.domain.entities import Channel
from ismsg_tui.screens.voice import STEP, Confirm, Note, Recording, Sending, Voice, Waiting
from ismsg_tui.voice_notes import Way, way_of
from ismsg_tui.widgets.file_lines import clock
from ismsg_tui.widgets.voice_lines import BarView

SILENT_AFTER = 2.0
"""Seconds of nothing at all after which the agent is asked about the microphone."""


def bar_view(voice: Voice, contact_id: str | None, channel: Channel | None) -> BarView | None:
    """What the recorder bar shows while a contact is looked at that is reached through a channel."""
    if voice.recording is not None:
        return _recording_view(voice, voice.recording, contact_id)
    if voice.note is not None:
        return _note_view(voice, voice.note)
    waiting = voice.waiting_for(contact_id)
    if waiting is None:
        return None
    return _sending_view(waiting, waiting.sending) if waiting.sending else _take_view(voice, waiting, way_of(channel))


def _recording_view(voice: Voice, recording: Recording, contact_id: str | None) -> BarView:
    progress = recording.recorder.progress
    note, alarm = "", False
    if voice.confirm is Confirm.DELETE:
        note, alarm = "once more deletes it", True
    elif progress.warning:
        note, alarm = f"it ends in {_clock(voice.limit - progress.seconds + 0.99)} and is kept", True
    elif progress.overflows:
        note, alarm = f"{_gaps(progress.overflows)}: this machine was too busy", True
    elif progress.silent and progress.seconds > SILENT_AFTER:
        note, alarm = "nothing is heard: is the microphone muted?", True
    starting = progress.state is RecorderState.STARTING
    return BarView(
        title="Recording" if recording.contact_id == contact_id else f"Recording for {recording.name}",
        note=note,
        alarm=alarm,
        live=True,
        sign="○" if starting else "●",
        clock="starting…" if starting else f"{_clock(progress.seconds)} / {_clock(voice.limit)}",
        levels=tuple(recording.levels),
        keys=(("record", "Stop"), ("drop_voice", "Delete")),
        keys_elsewhere=(("record", "Stop"),),
    )


def _take_view(voice: Voice, waiting: Waiting, way: Way) -> BarView:
    playback = voice.player.playback
    here = playback.sound == waiting.take
    duration = waiting.seconds
    seconds = min(playback.seconds, duration) if here else 0.0
    busy = here and voice.player.is_busy
    title = f"A recording of {_clock(duration)} was kept" if waiting.was_left else "Recording"
    if waiting.gaps:
        title = f"{title} with {_gaps(waiting.gaps)}"
    note, alarm = _speed_words(playback), False
    if voice.confirm is not None:
        note = f"once more deletes it{' and records anew' if voice.confirm is Confirm.AGAIN else ''}"
        alarm = True
    return BarView(
        title=f"{title} · {way.words}" if way.form else title,
        note=note,
        alarm=alarm,
        sign="▶" if busy else "‖",
        clock=f"{_clock(seconds)} / {_clock(duration)}",
        levels=waiting.peaks or (),
        share=seconds / duration if duration else 0.0,
        words="" if way.form else way.words,
        keys=(
            *((("finish_voice", "Send"),) if way.form else ()),
            ("pause_voice", "Pause" if busy else "Play"),
            ("drop_voice", "Delete"),
            *((("record_again", "Again"),) if way.form else ()),
            *_moves(voice),
        ),
        keys_elsewhere=(("record", "Send, listen, delete…"),),
    )


def _sending_view(waiting: Waiting, sending: Sending) -> BarView:
    return BarView(
        title=f"Sending · {sending.way.words}",
        sign="…",
        clock=f"{round(100 * sending.share):3d} %",
        levels=waiting.peaks or (),
        share=sending.share,
        note=_clock(waiting.seconds),
        keys=(("drop_voice", "Cancel"),),
    )


def _note_view(voice: Voice, note: Note) -> BarView:
    playback, busy = voice.player.playback, voice.player.is_busy
    return BarView(
        title=note.title,
        note=_speed_words(playback),
        sign="▶" if busy else "‖",
        clock=f"{_clock(playback.seconds)} / {_clock(playback.duration)}",
        levels=note.peaks,
        share=min(1.0, playback.seconds / playback.duration) if playback.duration else 0.0,
        keys=(("pause_voice", "Pause" if busy else "Play"), ("drop_voice", "Close"), *_moves(voice)),
        keys_elsewhere=(("play_voice", "Pause" if busy else "Play"),),
    )


def _moves(voice: Voice) -> tuple[tuple[str, str], ...]:
    faster = (("voice_speed", "Speed"),) if len(voice.speeds) > 1 else ()
    return (("voice_back", f"−{STEP:g} s"), ("voice_forward", f"+{STEP:g} s"), *faster)


def _speed_words(playback: Playback) -> str:
    return f"{playback.speed:g}x" if playback.speed != 1.0 else ""


def _gaps(count: int) -> str:
    return "a gap" if count == 1 else f"{count:,} gaps"


def _clock(seconds: float) -> str:
    return clock(int(seconds * 1000))
