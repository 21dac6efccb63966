"""Where the agent writes: a line that says what this is, the text, and a line of keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import TextArea

from ismsg_tui.actions import Scope, action, bindings, key_label
from ismsg_tui.domain.entities import Attachment, User
from ismsg_tui.domain.rules import COMMENT_LIMIT
from ismsg_tui.domain.text import clean, one_line
from ismsg_tui.domain.words import NAME_LIMIT
from ismsg_tui.store.drafts import Draft
from ismsg_tui.widgets.attachments import AttachmentChips, Chip, chip_of
from ismsg_tui.widgets.completion import CompletionList
from ismsg_tui.widgets.composer_area import ComposerArea
from ismsg_tui.widgets.key_line import Key, KeyLine
from ismsg_tui.widgets.status_line import StatusLine
from ismsg_tui.widgets.text_fields import SAFE_LENGTH

_NEARLY_FULL = 0.9


class Composer(Vertical):
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
            & StatusLine { color: $warning; }
            & ComposerArea, & ComposerArea:focus { border-left: double $warning; }
        }
        &.-unloaded KeyLine { visibility: hidden; }
    }
    """

    comment: reactive[bool] = reactive(False, init=False)
    """Whether this is a comment that only the team sees."""

    class Submitted(Message):
        """The agent sends; nothing more is sent until `clear` or `restore`."""

        def __init__(self, draft: Draft) -> None:
            super().__init__()
            self.draft = draft

    # Not a kind of Submitted: handlers hear of subclasses too.
    class Edited(Message):
        """The text or its kind has changed."""

        def __init__(self, draft: Draft) -> None:
            super().__init__()
            self.draft = draft

    class SnippetsWanted(Message):
        """A “/” was typed at the start of a word, or the mouse asks for snippets."""

    class EmojiWanted(Message):
        """The mouse asks for an emoji."""

    class AttachWanted(Message):
        """The mouse asks for files."""

    class AddingStopped(Message):
        """A file that is being copied is not wanted any more."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Left(Message):
        """The agent leaves the composer; the draft stays."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._contact = self._channel = ""
        self._limit: int | None = None
        self._users: Sequence[User] = ()
        self._submitted: Draft | None = None
        self._files: tuple[Attachment, ...] = ()
        self._adding: tuple[Chip, ...] = ()
        self._completions = CompletionList()
        self._area = ComposerArea(self._completions)

    def compose(self) -> ComposeResult:
        """Status, files, text, keys; the suggestions lie over everything."""
        yield StatusLine()
        yield AttachmentChips()
        yield self._area
        yield KeyLine()
        yield self._completions

    def on_mount(self) -> None:
        """Begin without a contact."""
        self.unload()

    # What is written

    def load(self, contact_name: str, channel: str, limit: int | None, draft: Draft, users: Sequence[User]) -> None:
        """Show a contact's draft, the cursor at its end and nothing to undo.

        `limit` is what the channel takes in characters, None where nothing is known of it; `users` may be mentioned.
        """
        self._contact = one_line(contact_name, NAME_LIMIT)
        self._channel, self._limit, self._users = one_line(channel, NAME_LIMIT), limit, users
        self._submitted = None
        self._area.disabled = False
        self.remove_class("-unloaded")
        self.set_reactive(Composer.comment, draft.comment)
        self._area.begin(draft.text)
        self._files, self._adding = draft.attachments, ()
        self._dress()

    def unload(self) -> None:
        """Show that no contact is chosen."""
        self._contact, self._submitted = "", None
        self._area.begin("")
        self._files = self._adding = ()
        self._area.disabled = True
        self.add_class("-unloaded")
        self.set_reactive(Composer.comment, False)
        self._dress()

    @property
    def draft(self) -> Draft:
        """What is written so far."""
        return Draft(self._area.text, self.comment, self._files)

    def attach(self, attachment: Attachment) -> None:
        """Add a file to what will be sent; one that is there already is not added twice."""
        if attachment not in self._files:
            self._files = (*self._files, attachment)
            self._show_files()
            self.post_message(self.Edited(self.draft))

    def show_adding(self, chips: tuple[Chip, ...]) -> None:
        """Show the files that are still being copied."""
        self._adding = chips
        self._show_files()

    def insert(self, text: str) -> None:
        """Insert a text at the cursor, as one step of undo; nothing is replaced."""
        self._area.put(text)

    def insert_slash(self) -> None:
        """Insert the “/” that asked for snippets, as the text it is after all."""
        self.insert("/")

    def clear(self) -> None:
        """Take away what was submitted, now that it is stored; what was typed behind it meanwhile stays."""
        if self._submitted is None:
            return
        text, submitted = self._area.text, self._submitted
        self._submitted = None
        if text.startswith(submitted.text):
            self._area.begin(text[len(submitted.text) :])
        self._files = tuple(file for file in self._files if file not in submitted.attachments)
        self._show_files()
        self._count()
        if self._area.text or self._files:
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
        limit = COMMENT_LIMIT if self.comment else self._limit
        area.longest_paste = SAFE_LENGTH if limit is None else min(2 * limit, max(limit, SAFE_LENGTH))
        status = self.query_one(StatusLine)
        if not self._contact:
            area.placeholder = Content("Choose a contact")
            status.left, status.rule = "", "─"
        elif self.comment:
            area.placeholder = Content("Comment for the team, the contact does not see it…")
            status.left, status.rule = "Comment · only the team sees this", "═"
        else:
            area.placeholder = Content(f"Reply to {self._contact}…")
            status.left, status.rule = "Reply", "─"
        self.query_one(KeyLine).keys = self._keys_shown()
        self._show_files()
        self._count()

    def _show_files(self) -> None:
        chips = self.query_one(AttachmentChips)
        chips.chips = (*map(chip_of, self._files), *self._adding)
        chips.note = "Files do not go with a comment: they stay for the reply." if self.comment and self._files else ""

    def _keys_shown(self) -> tuple[Key, ...]:
        def key(action_id: str) -> str:
            return key_label(action(action_id).current_keys[0])

        return (
            Key(key("send"), "Save" if self.comment else "Send", "send"),
            Key("/", "Snippet", "want_snippets"),
            Key(":", "Emoji", "want_emoji"),
            Key(key("attach"), "Attach", "want_files"),
            Key(key("toggle_comment"), "Reply" if self.comment else "Comment", "toggle_comment"),
            *(() if self.comment else (Key(key("record"), "Record", "screen.record"),)),
            Key(key("newline"), "New line", "newline"),
            Key(key("leave_composer"), "Back", "leave_composer"),
        )

    @property
    def _too_long(self) -> int:
        """By how many characters the text is too long; zero or less if it is not."""
        limit = COMMENT_LIMIT if self.comment else self._limit
        return len(clean(self._area.text).strip()) - limit if limit is not None else 0

    def _count(self) -> None:
        status = self.query_one(StatusLine)
        limit = COMMENT_LIMIT if self.comment else self._limit
        if not self._contact:
            status.right, status.alarm = "", ""
        elif limit is None:
            status.right, status.alarm = self._channel, ""
        else:
            over = self._too_long
            used = limit + over
            where = "" if self.comment else f"{self._channel} "
            warning = f"{over:,} too long · " if over > 0 else ""
            status.right = f"{warning}{where}{used:,}/{limit:,}"
            status.alarm = "bold $text-error" if over > 0 else "$text-warning" if used > limit * _NEARLY_FULL else ""

    @on(TextArea.Changed)
    def _edited(self, event: TextArea.Changed) -> None:
        event.stop()
        self._count()
        self.post_message(self.Edited(self.draft))

    # What is wanted

    def _in_turn(self, call: Callable[[], object]) -> None:
        # Bindings of priority run ahead of keys that the field has not taken yet: a quick “ok” and Enter would send
        # less than was typed. So the call waits in the field's own queue.
        self._area.call_later(call)

    def action_send(self) -> None:
        """Send the message or save the comment; with suggestions open, take the marked one."""
        self._in_turn(self._send)

    def action_newline(self) -> None:
        """Begin a new line."""
        self._in_turn(lambda: self._area.put("\n"))

    def action_toggle_comment(self) -> None:
        """Switch between reply and comment."""
        self._in_turn(self._toggle)

    def action_leave_composer(self) -> None:
        """Close the suggestions, or leave."""
        self._in_turn(self._leave)

    @on(ComposerArea.SlashTyped)
    def action_want_snippets(self) -> None:
        """Ask for the snippets."""
        self.post_message(self.SnippetsWanted())

    def action_want_emoji(self) -> None:
        """Ask for an emoji."""
        self.post_message(self.EmojiWanted())

    def action_want_files(self) -> None:
        """Ask for files to send."""
        self.post_message(self.AttachWanted())

    def action_chips(self) -> None:
        """Go to the files that will be sent, or back from them."""
        chips = self.query_one(AttachmentChips)
        (self._area if chips.has_focus or not chips.chips else chips).focus()

    @on(AttachmentChips.Left)
    def _leave_chips(self, event: AttachmentChips.Left) -> None:
        event.stop()
        self._area.focus()

    @on(AttachmentChips.Removed)
    def _remove(self, event: AttachmentChips.Removed) -> None:
        event.stop()
        if self._submitted is not None:
            return
        if any(chip.key == event.key for chip in self._adding):
            self.post_message(self.AddingStopped(event.key))
            return
        self._files = tuple(file for file in self._files if chip_of(file).key != event.key)
        self._show_files()
        self.post_message(self.Edited(self.draft))

    def _why_not(self, text: str) -> str:
        """Why what is written can't be sent now, as a sentence; "" if it can, or is nothing at all."""
        if self.comment and not text:
            return "Files do not go with a comment: write one, or switch to the reply to send them."
        if self._adding and not self.comment:
            return "A file is still being added: send when it is done, or take it out."
        over = self._too_long
        if over > 0:
            takes = f"A comment takes {COMMENT_LIMIT:,}" if self.comment else f"{self._channel} takes {self._limit:,}"
            return f"{takes} characters: this is {over:,} too long."
        return ""

    def _send(self) -> None:
        if self._area.completing:
            self._area.accept_completion()
            return
        text = clean(self._area.text).strip()
        if self._submitted is not None or not self._contact or not (text or self._files or self._adding):
            return
        if words := self._why_not(text):
            self.notify(words, severity="warning", markup=False)
            return
        files = () if self.comment else self._files
        self._submitted = Draft(self._area.text, self.comment, files)
        self._area.move_cursor(self._area.document.end)
        self._area.focus()
        self.post_message(self.Submitted(Draft(text, self.comment, files)))

    def _toggle(self) -> None:
        if self._contact and self._submitted is None:
            self.comment = not self.comment

    def _leave(self) -> None:
        if self._area.completing:
            self._area.close_completion(dismissed=True)
        elif self.query_one(AttachmentChips).has_focus:
            self._area.focus()
        else:
            self.post_message(self.Left())

    @on(CompletionList.Clicked)
    def _accept(self, event: CompletionList.Clicked) -> None:
        event.stop()
        self._area.accept_completion()

    @on(ComposerArea.Refused)
    def _refuse(self, event: ComposerArea.Refused) -> None:
        event.stop()
        limit = COMMENT_LIMIT if self.comment else self._limit
        takes = f"; the limit is {limit:,}" if limit is not None else ""
        words = f"Not pasted: {event.length:,} characters are far too many{takes}."
        self.notify(words, severity="warning", markup=False)

    @on(KeyLine.Pressed)
    async def _press(self, event: KeyLine.Pressed) -> None:
        event.stop()
        await self.run_action(event.action)
