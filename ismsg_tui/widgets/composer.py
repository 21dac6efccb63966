"""Where the agent writes: a line that says what this is, the text, and a line of keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import TextArea

from ismsg_tui.actions import Scope, action, bindings
from ismsg_tui.domain.entities import User
from ismsg_tui.domain.text import clean, one_line
from ismsg_tui.domain.words import NAME_LIMIT
from ismsg_tui.key_names import key_label
from ismsg_tui.store.drafts import Draft
from ismsg_tui.widgets.attachments import AttachmentChips
from ismsg_tui.widgets.checked_draft import CheckedDraft
from ismsg_tui.widgets.completion import CompletionList
from ismsg_tui.widgets.composer_area import ComposerArea
from ismsg_tui.widgets.key_line import Key, KeyLine
from ismsg_tui.widgets.offers import Offers
from ismsg_tui.widgets.quote_bar import QuoteBar
from ismsg_tui.widgets.segments import shown_line
from ismsg_tui.widgets.status_line import StatusLine
from ismsg_tui.widgets.text_fields import SAFE_LENGTH


def _in_turn(act: Callable[[Composer], None]) -> Callable[[Composer], None]:
    """Have an action wait in the field's own queue.

    Bindings of priority run ahead of keys that the field has not taken yet: a quick “ok” and Enter would send less than
    was typed.
    """

    @wraps(act)
    def later(composer: Composer) -> None:
        composer._area.call_later(act, composer)

    return later


class Composer(CheckedDraft):
    """A reply or a comment being written. It sends and stores nothing itself and says what is wanted."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.COMPOSER)]
    DEFAULT_CSS = """
    Composer {
        height: auto;
        background: $surface;
        & ComposerArea, & ComposerArea:focus { padding: 0 1 0 1; border-left: blank; }
        & KeyLine { margin: 0 2; }
        &.-comment {
            background: $warning 12%;
            & StatusLine { color: $text-warning; }
            & ComposerArea, & ComposerArea:focus { border-left: double $text-warning; }
        }
        &.-unloaded KeyLine { visibility: hidden; }
    }
    """

    class Submitted(Message):
        """The agent sends; nothing more is sent until `clear` or `restore`."""

        def __init__(self, draft: Draft) -> None:
            super().__init__()
            self.draft = draft

    class SnippetsWanted(Message):
        """A “/” was typed at the start of a word."""

    class Left(Message):
        """The agent leaves the composer; the draft stays."""

    def __init__(self, *, id: str | None = None) -> None:
        self._completions = CompletionList()
        super().__init__(ComposerArea(self._completions), id=id)
        self._users: Sequence[User] = ()
        self._offers = Offers()

    def compose(self) -> ComposeResult:
        """Status, quote, files, text, keys; the suggestions lie over everything."""
        yield StatusLine()
        yield QuoteBar()
        yield AttachmentChips()
        yield self._area
        yield KeyLine()
        yield self._completions

    def on_mount(self) -> None:
        """Begin without a contact."""
        self.unload()

    # What is written

    def load(
        self,
        contact_name: str,
        channel: str,
        limit: int | None,
        draft: Draft,
        users: Sequence[User],
        quoted: str = "",
    ) -> None:
        """Show a contact's draft, the cursor at its end and nothing to undo.

        `limit` is what the channel takes in characters, None where nothing is known of it; `users` may be mentioned;
        `quoted` says in words what the draft quotes.
        """
        self._contact = shown_line(contact_name, NAME_LIMIT)
        self._channel, self._limit, self._users = one_line(channel, NAME_LIMIT), limit, users
        self._submitted, self._asked, self._offers = None, "", Offers()
        self._area.disabled = False
        self.remove_class("-unloaded")
        self.set_reactive(Composer.comment, draft.comment)
        self._area.begin(draft.text)
        self._take_parts(draft, quoted)
        self._dress()

    def unload(self) -> None:
        """Show that no contact is chosen."""
        self._contact, self._submitted, self._offers = "", None, Offers()
        self._area.begin("")
        self._take_parts(Draft(), "")
        self._area.disabled = True
        self.add_class("-unloaded")
        self.set_reactive(Composer.comment, False)
        self._dress()

    @property
    def contact_loaded(self) -> bool:
        """Whether there is somebody to write to, and nothing that is just being sent."""
        return bool(self._contact) and self._submitted is None

    @property
    def longest(self) -> int:
        """How many characters are taken in at once at most."""
        return self._area.longest_paste

    def insert(self, text: str) -> None:
        """Insert a text at the cursor, as one step of undo; nothing is replaced, the first blank in it is selected."""
        self._area.put(text)

    def rewrite(self, text: str) -> None:
        """Put another text in the place of all, as one step of undo."""
        if clean(text) != self._area.text:
            self._area.rewrite(text)

    def offer(self, offers: Offers) -> None:
        """Offer stored replies while the agent writes to the contact; a comment is nothing that is stored."""
        self._offers = offers
        self._area.offers = Offers() if self.comment else offers

    def clear(self) -> None:
        """Take away what was submitted, now that it is stored; what was typed behind it meanwhile stays."""
        if self._submitted is None:
            return
        text, submitted = self._area.text, self._submitted
        self._submitted = None
        if text.startswith(submitted.text):
            self._area.begin(text[len(submitted.text) :])
        self._drop_parts(submitted)
        self._count()
        if self.draft != Draft(comment=self.comment):
            self.post_message(self.Edited(self.draft))

    def restore(self) -> None:
        """Go on with the text that was submitted, because it could not be stored."""
        self._submitted = None

    def focus_text(self) -> None:
        """Put the cursor into the text, at once: the next key is already meant for it."""
        self.screen.set_focus(self._area)

    # What is shown

    def watch_comment(self) -> None:
        """Show what kind of text this is."""
        self._dress()
        self.post_message(self.Edited(self.draft))

    def _dress(self) -> None:
        self.set_class(self.comment, "-comment")
        area = self._area
        area.teammates = self._users if self.comment else ()
        limit = self._most
        area.longest_paste = SAFE_LENGTH if limit is None else min(2 * limit, max(limit, SAFE_LENGTH))
        status = self.query_one(StatusLine)
        if not self._contact:
            area.hint, status.rule = "Choose a contact", "─"
        elif self.comment:
            area.hint, status.rule = "Comment for the team, the contact does not see it…", "═"
        else:
            area.hint, status.rule = f"Reply to {self._contact}…", "─"
        self.offer(self._offers)
        self.query_one(KeyLine).keys = self._keys_shown()
        self._show_parts()
        self._count()

    def on_descendant_focus(self) -> None:
        """Show the keys that work where the focus is: in the text or on the files."""
        self.query_one(KeyLine).keys = self._keys_shown()

    def _keys_shown(self) -> tuple[Key, ...]:
        def key(action_id: str) -> str:
            return key_label(action(action_id).current_keys[0])

        if self.query_one(AttachmentChips).has_focus:
            named = (("remove_chip", "Remove"), ("chip_left", "Left"), ("chip_right", "Right"), ("leave_chips", "Text"))
            return Key(key("send"), "Send", "send"), *(Key(key(name), word, "") for name, word in named)
        return (
            Key(key("send"), "Save" if self.comment else "Send", "send"),
            Key("/", "Snippet", "screen.snippets"),
            Key(":", "Emoji", "screen.emoji"),
            Key(key("attach"), "Attach", "screen.attach"),
            Key(key("toggle_comment"), "Reply" if self.comment else "Comment", "toggle_comment"),
            *(() if self.comment else (Key(key("record"), "Record", "screen.record"),)),
            Key(key("newline"), "New line", "newline"),
        )

    @on(TextArea.Changed)
    def _edited(self, event: TextArea.Changed) -> None:
        event.stop()
        self._count()
        self.post_message(self.Edited(self.draft))

    # What is wanted

    @_in_turn
    def action_send(self) -> None:
        """Send the message or save the comment; with suggestions open, take the marked one."""
        if self._area.completing:
            self._area.accept_completion()
            return
        text = clean(self._area.text).strip()
        if self._submitted is not None or not self._contact or not (text or self._files or self._adding):
            return
        if words := self._why_not(text):
            self.notify(words, severity="warning", markup=False)
            return
        if self._asks():
            return
        # Files and quote of a comment wait for the reply.
        parts = ((), None) if self.comment else (self._files, self._reply_to)
        self._submitted = Draft(self._area.text, self.comment, *parts)
        self._area.move_cursor(self._area.document.end)
        self.screen.set_focus(self._area)
        self.post_message(self.Submitted(Draft(text, self.comment, *parts)))

    @_in_turn
    def action_newline(self) -> None:
        """Begin a new line."""
        self._area.put("\n")

    @_in_turn
    def action_fill_in(self) -> None:
        """Take what is offered or go to the next blank; where there is neither, leave the text."""
        if self.query_one(AttachmentChips).has_focus:
            self.screen.set_focus(self._area)
        elif not self._area.fill_in():
            self.screen.focus_next()

    @_in_turn
    def action_toggle_comment(self) -> None:
        """Switch between reply and comment."""
        if self._contact and self._submitted is None:
            self.comment = not self.comment

    @_in_turn
    def action_leave_composer(self) -> None:
        """Close the suggestions, take the quote away, or leave."""
        if self._area.completing:
            self._completions.close(dismissed=True)
        elif self.query_one(AttachmentChips).has_focus:
            self.screen.set_focus(self._area)
        elif self._quotes and self._submitted is None:
            self._unquote()
        else:
            self.post_message(self.Left())

    @on(ComposerArea.SlashTyped)
    def _ask_for_snippets(self) -> None:
        self.post_message(self.SnippetsWanted())

    @on(CompletionList.Clicked)
    def _accept(self, event: CompletionList.Clicked) -> None:
        event.stop()
        self._area.accept_completion()

    @on(ComposerArea.Refused)
    def _refuse(self, event: ComposerArea.Refused) -> None:
        event.stop()
        limit = self._most
        takes = f"; the limit is {limit:,}" if limit is not None else ""
        words = f"Not pasted: {event.length:,} characters are far too many{takes}."
        self.notify(words, severity="warning", markup=False)

    @on(KeyLine.Pressed)
    async def _press(self, event: KeyLine.Pressed) -> None:
        event.stop()
        await self.run_action(event.action)
