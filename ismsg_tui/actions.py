"""Every action once: its id, keys, words and place. Bindings, footer, palette, help screen and docs/keys.md read it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from textual.binding import Binding


class Scope(StrEnum):
    """Where an action's keys work."""

    ANYWHERE = "anywhere"
    DESK = "outside the composer"
    LIST = "in the contact list"
    TIMELINE = "in the conversation"
    COMPOSER = "in the composer"


class Group(StrEnum):
    """The sections of help screen and key page."""

    ANSWER = "Answering"
    CONVERSATION = "The conversation"
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
    footer: bool = False
    palette: bool = True

    @property
    def binding(self) -> Binding:
        """The action as Textual binds it."""
        return Binding(
            self.keys,
            self.id,
            self.title,
            show=self.footer,
            tooltip=self.help,
            id=self.id,
            priority=self.scope is Scope.COMPOSER,
        )


_A, _C, _M, _D = Group.ANSWER, Group.CONVERSATION, Group.MOVE, Group.DESK
_DESK, _LIST, _LINE, _TYPE, _ANY = Scope.DESK, Scope.LIST, Scope.TIMELINE, Scope.COMPOSER, Scope.ANYWHERE

ACTIONS: tuple[Action, ...] = (
    Action("reply", "r,i", "Reply", _DESK, _A, "Write to the contact; Enter on a contact does the same.", footer=True),
    Action("comment", "m", "Comment", _DESK, _A, "Write a comment that only the team sees; @name tells a teammate."),
    Action("send", "enter", "Send", _TYPE, _A, "Send the message or save the comment.", palette=False),
    Action("newline", "ctrl+j,shift+enter", "New line", _TYPE, _A, "Begin a new line in the message.", palette=False),
    Action("snippets", "f2", "Snippets", _ANY, _A, "Choose a stored reply; “/” at the start of a word does the same."),
    Action("emoji", "f3", "Emoji", _ANY, _A, "Choose an emoji by name; “:” and a name completes one while typing."),
    Action("toggle_comment", "ctrl+n", "Comment", _TYPE, _A, "Switch between reply and comment.", palette=False),
    Action("leave_composer", "escape", "Back", _TYPE, _A, "Leave the composer; the draft stays.", palette=False),
    Action("undo", "z", "Undo", _DESK, _A, "Take back the last message, closing, snooze or assignment.", footer=True),
    Action("assign", "a", "Assign", _DESK, _C, "Give the contact to somebody, or to nobody.", footer=True),
    Action("close", "c", "Close", _DESK, _C, "Close the conversation with a closing note.", footer=True),
    Action("close_and_next", "C", "Close, next", _DESK, _C, "Close the conversation and go to who waits longest."),
    Action("snooze", "s", "Snooze", _DESK, _C, "Hide the conversation until a time or until the contact writes."),
    Action("wake", "w", "Wake", _DESK, _C, "End the snooze."),
    Action("open_conversation", "o", "Open", _DESK, _C, "Open a conversation with the contact by hand."),
    Action("mark_unread", "u", "Unread", _DESK, _C, "Mark the contact unread, to come back to it."),
    Action("next_waiting", "n", "Next waiting", _DESK, _M, "Go to the contact who has waited longest.", footer=True),
    Action("next_unread", "N", "Next unread", _DESK, _M, "Go to the next contact of the view with something unread."),
    Action(
        "switch", "ctrl+k", "Jump", _ANY, _M, "Go to any contact by a few letters, a phone or an email.", footer=True
    ),
    Action("search", "slash", "Search", _DESK, _M, "Search all messages; Enter goes to what was found.", footer=True),
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
    Action("conversation_down", "J", "Scroll down", _DESK, _M, "Scroll the conversation from the list.", palette=False),
    Action("conversation_up", "K", "Scroll up", _DESK, _M, "Scroll the conversation from the list.", palette=False),
    Action("toggle_panel", "p", "Contact", _DESK, _D, "Show or hide the contact's card.", footer=True),
    Action("choose_theme", "T", "Theme", _DESK, _D, "Choose the colours."),
    Action("command_palette", "ctrl+p", "Commands", _ANY, _D, "Find any command by name.", footer=True, palette=False),
    Action("help", "f1,question_mark", "Help", _ANY, _D, "Show every key.", footer=True),
    Action("quit", "ctrl+q", "Quit", _ANY, _D, "Leave; everything is kept."),
)
"""All actions, in the order in which help and docs show them."""

_BY_ID = {action.id: action for action in ACTIONS}


def action(action_id: str) -> Action:
    """The action of that id."""
    return _BY_ID[action_id]


def bindings(*scopes: Scope) -> list[Binding]:
    """The bindings of every action in the scopes."""
    return [item.binding for item in ACTIONS if item.scope in scopes]


_KEY_NAMES = {
    "slash": "/",
    "question_mark": "?",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "right_square_bracket": "]",
    "left_square_bracket": "[",
    "escape": "Esc",
    "enter": "Enter",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "home": "Home",
    "end": "End",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}


def key_label(key: str) -> str:
    """A key's name as people write it: `ctrl+p` is `Ctrl+P`, `question_mark` is `?`, `f1` is `F1`."""
    *modifiers, last = key.split("+")
    shown = _KEY_NAMES.get(last, last.upper() if len(last) > 1 or modifiers else last)
    return "+".join([*(modifier.capitalize() for modifier in modifiers), shown])
