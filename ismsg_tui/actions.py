"""Every action once: its id, keys, words and place. Bindings, footer, palette, help screen and docs/keys.md read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from textual.binding import Binding

from ismsg_tui.key_names import is_key, key_label, key_name, types_character


class Scope(StrEnum):
    """Where an action's keys work."""

    ANYWHERE = "anywhere"
    DESK = "outside the composer"
    LIST = "in the contact list"
    TIMELINE = "in the conversation"
    COMPOSER = "in the composer"
    CHIPS = "on the files of a draft"
    FILES = "in a list of files"
    VOICE = "on the recorder bar"
    UNSENT = "on a message that was not sent"


class Group(StrEnum):
    """The sections of help screen and key page."""

    ANSWER = "Answering"
    CONVERSATION = "The conversation"
    FILES = "Files"
    VOICE = "Voice notes"
    MOVE = "Finding one's way"
    DESK = "The desk"


@dataclass(frozen=True)
class Action:
    """Something an agent can do; the Textual action that carries it out is named by `id`."""

    id: str
    keys: str
    """Textual key names, separated by commas, the one to show first."""
    title: str
    """One to three words, for footer and palette."""
    scope: Scope
    group: Group
    help: str
    """One sentence for the help screen."""
    footer: int = 0
    """Its place in the footer, counted from 1; 0 keeps it out. Where there is little room the last ones go."""
    palette: bool = True

    @property
    def current_keys(self) -> tuple[str, ...]:
        """The keys as the agent has set them."""
        return tuple(_REMAPPED.get(self.id, self.keys).split(","))

    @property
    def binding(self) -> Binding:
        """The action as Textual binds it."""
        return Binding(
            self.keys,
            self.id,
            self.title,
            show=bool(self.footer),
            tooltip=self.help,
            id=self.id,
            # Keys that come in one burst with Enter, as over a slow line, are meant for the composer it leads to: a
            # priority binding is carried out before the next key is looked at.
            priority=self.scope in (Scope.COMPOSER, Scope.FILES) or self.id in ("select", "write"),
        )


_A, _C, _F, _V, _M, _D = Group.ANSWER, Group.CONVERSATION, Group.FILES, Group.VOICE, Group.MOVE, Group.DESK
_DESK, _LIST, _LINE, _TYPE, _ANY = Scope.DESK, Scope.LIST, Scope.TIMELINE, Scope.COMPOSER, Scope.ANYWHERE
_CHIP, _FILE, _BAR, _LEFT = Scope.CHIPS, Scope.FILES, Scope.VOICE, Scope.UNSENT

ACTIONS: tuple[Action, ...] = (
    Action("reply", "r,i", "Reply", _DESK, _A, "Write to the contact; Enter on a contact does the same.", footer=1),
    Action("quote", "R", "Quote", _DESK, _A, "Answer the picked message, or else the contact's newest, quoting it."),
    Action("comment", "m", "Comment", _DESK, _A, "Write a comment that only the team sees; @name tells a teammate."),
    Action("send", "enter", "Send", _TYPE, _A, "Send the message or save the comment.", palette=False),
    Action("newline", "ctrl+j,shift+enter", "New line", _TYPE, _A, "Begin a new line in the message.", palette=False),
    Action(
        "fill_in",
        "tab",
        "Fill in",
        _TYPE,
        _A,
        "Take what is offered, or go to the next blank; Shift+Tab goes back.",
        palette=False,
    ),
    Action("snippets", "f2", "Snippets", _ANY, _A, "Choose a stored reply; “/” at the start of a word does the same."),
    Action("emoji", "f3", "Emoji", _ANY, _A, "Choose an emoji by name; “:” and a name completes one while typing."),
    Action("edit_outside", "ctrl+g", "Editor", _ANY, _A, "Write in the editor that $VISUAL or $EDITOR names."),
    Action("toggle_comment", "ctrl+n", "Comment", _TYPE, _A, "Switch between reply and comment.", palette=False),
    Action(
        "leave_composer", "escape", "Back", _TYPE, _A, "Leave the composer; the draft stays.", footer=4, palette=False
    ),
    Action("undo", "z", "Undo", _DESK, _A, "Take back the last message, closing, snooze or assignment.", footer=8),
    Action(
        "next_unsent",
        "exclamation_mark",
        "Not sent",
        _DESK,
        _A,
        "Go to what was not sent next, to send it again, edit or discard it.",
    ),
    Action("send_again", "enter", "Send again", _LEFT, _A, "Send it again, or now if it asks.", palette=False),
    Action(
        "edit_unsent", "e", "Edit", _LEFT, _A, "Put its words into the composer, above what is there.", palette=False
    ),
    Action("discard_unsent", "x,delete", "Discard", _LEFT, _A, "Discard it, once pressed twice.", palette=False),
    Action("leave_unsent", "escape", "Back", _LEFT, _A, "Go back; it stays.", palette=False),
    Action("assign", "a", "Assign", _DESK, _C, "Give the contact to somebody, or to nobody.", footer=2),
    Action("close", "c", "Close", _DESK, _C, "Close the conversation with a closing note.", footer=3),
    Action("close_and_next", "C", "Close, next", _DESK, _C, "Close the conversation and go to who waits longest."),
    Action("snooze", "s", "Snooze", _DESK, _C, "Hide the conversation until a time or until the contact writes."),
    Action("wake", "w", "Wake", _DESK, _C, "End the snooze."),
    Action("open_conversation", "o", "Open", _DESK, _C, "Open a conversation with the contact by hand."),
    Action("mark_unread", "u", "Unread", _DESK, _C, "Mark the contact unread, to come back to it."),
    Action("copy_message", "y", "Copy", _DESK, _C, "Copy the picked message, or else the contact's newest."),
    Action(
        "links", "L", "Links", _DESK, _C, "Show where the links of the picked message, or the newest, lead; open one."
    ),
    Action("copy_conversation", "Y", "Copy all", _DESK, _C, "Copy the whole conversation as Markdown."),
    Action("attach", "ctrl+o", "Attach", _ANY, _F, "Choose files to send; a file dropped on the terminal asks first."),
    Action("paste_picture", "f5", "Paste picture", _ANY, _F, "Attach the picture that is on the clipboard."),
    Action("files", "e", "Files", _DESK, _F, "Open, save or fetch the files of the conversation."),
    Action("chips", "shift+tab", "Chosen files", _TYPE, _F, "Go to the files that will be sent.", palette=False),
    Action("chip_left", "left,h", "Left", _CHIP, _F, "Go to the file before.", palette=False),
    Action("chip_right", "right,l", "Right", _CHIP, _F, "Go to the next file.", palette=False),
    Action("remove_chip", "delete,backspace,x", "Remove", _CHIP, _F, "Take the file out of the draft.", palette=False),
    Action("leave_chips", "tab,down", "Text", _CHIP, _F, "Go back to the text.", palette=False),
    Action("mark_file", "tab", "Mark", _FILE, _F, "Mark a file to attach several, or complete a path.", palette=False),
    Action("save_file", "ctrl+s", "Save", _FILE, _F, "Save the file in a folder.", palette=False),
    Action("copy_path", "ctrl+y", "Copy path", _FILE, _F, "Copy where the file lies.", palette=False),
    Action(
        "stop_transfer",
        "ctrl+x",
        "Stop, again",
        _FILE,
        _F,
        "Stop sending or fetching the file; try again what was stopped or has failed.",
        palette=False,
    ),
    Action("record", "ctrl+r", "Record", _ANY, _V, "Record a voice note for the contact; the same key ends it."),
    Action(
        "play_voice",
        "space",
        "Play",
        _DESK,
        _V,
        "Play the voice note of the picked message, or the newest; again pauses.",
    ),
    Action("finish_voice", "enter", "Stop, send", _BAR, _V, "End the recording; once ended, send it.", palette=False),
    Action("pause_voice", "space", "Play, pause", _BAR, _V, "Listen to it, or pause.", palette=False),
    Action("voice_back", "left", "Back", _BAR, _V, "Go 5 seconds back.", palette=False),
    Action("voice_forward", "right", "Forward", _BAR, _V, "Go 5 seconds on.", palette=False),
    Action("voice_speed", "x", "Speed", _BAR, _V, "Listen at another speed.", palette=False),
    Action("record_again", "R", "Again", _BAR, _V, "Delete it and record anew, once pressed twice.", palette=False),
    Action("drop_voice", "escape", "Delete", _BAR, _V, "Delete it, once pressed twice; stop playing.", palette=False),
    Action("next_waiting", "n", "Next waiting", _DESK, _M, "Go to the contact who has waited longest.", footer=4),
    Action("next_unread", "N", "Next unread", _DESK, _M, "Go to the next contact of the view with something unread."),
    Action("switch", "ctrl+k", "Jump", _ANY, _M, "Go to any contact by a few letters, a phone or an email.", footer=7),
    Action("search", "slash", "Search", _DESK, _M, "Search all messages; Enter goes to what was found.", footer=6),
    Action(
        "filter", "f", "Filter", _DESK, _M, "Show only the contacts of the view that you name; Esc shows all again."
    ),
    Action("back", "less_than_sign", "Back", _DESK, _M, "Go back to the contact you were at before."),
    Action("forward", "greater_than_sign", "Forward", _DESK, _M, "Go forward again after going back."),
    Action("view_new", "1", "New", _DESK, _M, "Show who has no assignee yet."),
    Action("view_open", "2", "Open", _DESK, _M, "Show every open conversation."),
    Action("view_assigned", "3", "Assigned", _DESK, _M, "Show the conversations assigned to you."),
    Action("view_closed", "4", "Closed", _DESK, _M, "Show whose last conversation is closed."),
    Action("view_snoozed", "5", "Snoozed", _DESK, _M, "Show snoozed conversations."),
    Action("view_all", "6", "All", _DESK, _M, "Show every contact."),
    Action("next_view", "right_square_bracket", "Next view", _DESK, _M, "Go to the view to the right."),
    Action("previous_view", "left_square_bracket", "Previous view", _DESK, _M, "Go to the view to the left."),
    Action("next_sort", "S", "Sort", _DESK, _M, "Order the list another way."),
    Action("cursor_down", "j,down", "Down", _LIST, _M, "Go to the next contact.", palette=False),
    Action("cursor_up", "k,up", "Up", _LIST, _M, "Go to the previous contact.", palette=False),
    Action("page_down", "pagedown,ctrl+d", "Page down", _LIST, _M, "Go a page down the list.", palette=False),
    Action("page_up", "pageup,ctrl+u", "Page up", _LIST, _M, "Go a page up the list.", palette=False),
    Action("first", "g,home", "First", _LIST, _M, "Go to the first contact.", palette=False),
    Action("last", "G,end", "Last", _LIST, _M, "Go to the last contact.", palette=False),
    Action("select", "enter", "Reply", _LIST, _M, "Open the contact and start to write.", palette=False),
    Action("show_conversation", "l,right", "Conversation", _LIST, _M, "Go into the conversation.", palette=False),
    Action("show_list", "escape,h,left", "List", _LINE, _M, "Go back to the contact list.", palette=False),
    Action("write", "enter", "Reply", _LINE, _M, "Start to write.", palette=False),
    Action("line_down", "j,down", "Down", _LINE, _M, "Scroll the conversation down.", palette=False),
    Action("line_up", "k,up", "Up", _LINE, _M, "Scroll the conversation up.", palette=False),
    Action("newer", "pagedown,ctrl+d", "Newer", _LINE, _M, "Scroll a page down.", palette=False),
    Action("older", "pageup,ctrl+u", "Older", _LINE, _M, "Scroll a page up.", palette=False),
    Action("oldest", "g,home", "Oldest", _LINE, _M, "Go to the contact's very first message.", palette=False),
    Action("newest", "G,end", "Newest", _LINE, _M, "Go to the newest message.", palette=False),
    Action(
        "pick_older",
        "left_parenthesis",
        "Pick older",
        _DESK,
        _M,
        "Pick a message, or the one before it; so does a click.",
    ),
    Action("pick_newer", "right_parenthesis", "Pick newer", _DESK, _M, "Pick the message after."),
    Action("quoted", "Q", "Quoted", _DESK, _M, "Go to what the picked message, or the newest that does, quotes."),
    Action("conversation_down", "J", "Scroll down", _DESK, _M, "Scroll the conversation from the list.", palette=False),
    Action("conversation_up", "K", "Scroll up", _DESK, _M, "Scroll the conversation from the list.", palette=False),
    Action("toggle_panel", "p", "Contact", _DESK, _D, "Show or hide the contact's card.", footer=9),
    Action("choose_theme", "T", "Theme", _DESK, _D, "Choose the colours."),
    Action("people", "P", "People", _DESK, _D, "Show who of the team is there, and with whom; go there."),
    Action("toggle_busy", "X", "Busy", _DESK, _D, "Let the team see you as busy, or as online again."),
    Action(
        "toggle_notifications", "B", "Bell", _DESK, _D, "Ring and announce messages while you look elsewhere, or not."
    ),
    Action("sign_in", "ctrl+l", "Sign in", _ANY, _D, "Sign in again, where the title says that you are signed out."),
    Action("command_palette", "ctrl+p", "Commands", _ANY, _D, "Find any command by name.", footer=10, palette=False),
    Action("help", "f1,question_mark", "Help", _ANY, _D, "Show every key.", footer=5),
    Action("tour", "f4", "Tour", _ANY, _D, "Walk over the desk in a minute."),
    Action("quit", "ctrl+q", "Quit", _ANY, _D, "Leave; everything is kept.", footer=11),
)
"""All actions, in the order in which help and docs show them."""

_BY_ID = {action.id: action for action in ACTIONS}


def footer(focus: Scope) -> list[Action]:
    """The actions that the footer shows while the focus is in a scope: those that its keys can reach."""
    scopes = (focus, Scope.ANYWHERE) if focus is Scope.COMPOSER else (focus, Scope.DESK, Scope.ANYWHERE)
    shown = [item for item in ACTIONS if item.footer and item.scope in scopes and item.current_keys[0]]
    return sorted(shown, key=lambda item: item.footer)


def action(action_id: str) -> Action:
    """The action of that id."""
    return _BY_ID[action_id]


def bindings(*scopes: Scope) -> list[Binding]:
    """The bindings of every action in the scopes."""
    return [item.binding for item in ACTIONS if item.scope in scopes]


_REMAPPED: dict[str, str] = {}
"""Keys that differ from the registry's, by action; set once, before the console opens."""

KEY_SETS: dict[str, dict[str, str]] = {
    "vim": {},
    "plain": {
        "cursor_down": "down",
        "cursor_up": "up",
        "page_down": "pagedown",
        "page_up": "pageup",
        "first": "home",
        "last": "end",
        "show_conversation": "right",
        "show_list": "escape,left",
        "line_down": "down",
        "line_up": "up",
        "newer": "pagedown",
        "older": "pageup",
        "oldest": "home",
        "newest": "end",
        "conversation_down": "shift+down",
        "conversation_up": "shift+up",
        "reply": "r",
    },
}
"""Sets of keys to choose from: `vim` is the registry's own, `plain` moves by arrows alone."""

_TOGETHER = (
    (Scope.LIST, Scope.DESK, Scope.ANYWHERE),
    (Scope.TIMELINE, Scope.DESK, Scope.ANYWHERE),
    (Scope.COMPOSER, Scope.ANYWHERE),
    (Scope.CHIPS, Scope.DESK, Scope.ANYWHERE),
    (Scope.FILES,),
    (Scope.VOICE, Scope.ANYWHERE),
    (Scope.UNSENT, Scope.ANYWHERE),
)
"""Scopes whose keys work at the same time."""

_WHERE_TEXT_IS_TYPED = (Scope.COMPOSER, Scope.FILES)
"""Scopes whose keys come before the text: a character among them could not be typed."""


def remap(key_set: str, overrides: Mapping[str, str]) -> list[str]:
    """Give actions other keys; returns a sentence for everything that could not be done as asked.

    `overrides` maps action ids to keys separated by commas, over those of the set; an empty text takes the keys away.
    Of two actions that would share a key where both work, the one that was asked for last in the registry keeps its
    usual keys. Where text is typed, no character is taken for a key.
    """
    problems: list[str] = []
    if key_set not in KEY_SETS:
        problems.append(f"There is no key set “{key_set}”; there are {', '.join(KEY_SETS)}.")
    wanted = dict(KEY_SETS.get(key_set, {}))
    for action_id, keys in overrides.items():
        if action_id not in _BY_ID:
            problems.append(f"There is no action “{action_id}” to give keys to; docs/keys.md names them all.")
            continue
        given = [key.strip() for key in keys.split(",") if key.strip()]
        mistakes = {key: words for key in given if (words := _mistake(_BY_ID[action_id], key))}
        problems += mistakes.values()
        good = [key_name(key) for key in given if key not in mistakes]
        if good or not given:
            wanted[action_id] = ",".join(good)
    _REMAPPED.clear()
    _REMAPPED.update(wanted)
    for first, second, key in _clashes():
        loser = second if second.id in overrides else first
        _REMAPPED.pop(loser.id, None)
        problems.append(
            f"“{key_label(key)}” can't mean both {first.title} ({first.id}) and {second.title} ({second.id}): "
            f"{loser.id} keeps its usual keys."
        )
    return problems


def _mistake(item: Action, key: str) -> str:
    """Why an action can't have a key, in words; empty if it can."""
    name = key_name(key)
    if not is_key(name):
        return f"There is no key “{key}” for {item.title} ({item.id}); Ctrl+K, alt+x, ? and F9 are keys."
    if item.scope in _WHERE_TEXT_IS_TYPED and types_character(name):
        return (
            f"“{key}” can't be a key for {item.title} ({item.id}), which works where text is typed: nobody could "
            "type it any more. Ctrl+T, alt+x and F9 would do."
        )
    return ""


def _clashes() -> list[tuple[Action, Action, str]]:
    found: list[tuple[Action, Action, str]] = []
    for scopes in _TOGETHER:
        taken: dict[str, Action] = {}
        for item in ACTIONS:
            for key in item.current_keys if item.scope in scopes else ():
                other = taken.setdefault(key, item)
                if key and other is not item and (other, item, key) not in found:
                    found.append((other, item, key))
    return found


def keymap() -> dict[str, str]:
    """What Textual needs to know of the agent's own keys."""
    return dict(_REMAPPED)
