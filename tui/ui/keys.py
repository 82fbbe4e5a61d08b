"""All keys in one table, and letters of other keyboard layouts read as the keys that they lie on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding
from textual.keys import KEY_NAME_REPLACEMENTS, _character_to_key

from tui.i18n import mark
from tui.ui.layouts import to_latin

Place = Literal["composer", "messages", "chat", "anywhere", "inspector", "tokens"]


@dataclass(frozen=True, slots=True)
class Key:
    """A binding: `id` is what a person's key file names, `keys` are Textual's names, `label` is what help says."""

    id: str
    place: Place
    keys: str
    shown: str
    action: str
    label: str


#: Every key, in the order in which help lists them.
KEYS: tuple[Key, ...] = (
    Key("send", "composer", "enter", "Enter", "send", mark("send; with nothing written, go on with the reply")),
    Key("newline", "composer", "ctrl+j,alt+enter,shift+enter", "Ctrl+J · Alt+Enter", "newline", mark("new line")),
    Key("stop", "composer", "escape,ctrl+c", "Esc · Ctrl+C", "stop_or_leave",
        mark("stop the reply; nothing running: to the messages")),
    Key("edit-last", "composer", "up", "↑", "up", mark("with nothing written, edit my last message")),
    Key("history-back", "composer", "alt+up,ctrl+up", "Alt+↑", "history(-1)", mark("what I sent before")),
    Key("history-on", "composer", "alt+down,ctrl+down", "Alt+↓", "history(1)", mark("what I sent after that")),
    Key("impersonate", "composer", "ctrl+g", "Ctrl+G", "impersonate",
        mark("let the model write my message, from what I typed on")),
    Key("editor", "composer", "ctrl+o", "Ctrl+O", "editor", mark("write in $EDITOR")),
    Key("undo", "composer", "ctrl+z", "Ctrl+Z", "undo_or('undo')", mark("undo; while writing, what was typed")),
    Key("redo", "composer", "ctrl+y", "Ctrl+Y", "undo_or('redo')", mark("redo")),
    Key("complete", "composer", "tab", "Tab", "tab", mark("to the messages; complete a command")),
    Key("page-up", "composer", "pageup", "PgUp", "app.page(-1)", mark("read further up")),
    Key("page-down", "composer", "pagedown", "PgDn", "app.page(1)", mark("read further down")),
    Key("walk-up", "messages", "up,k", "↑ k", "walk(-1)", mark("the message before")),
    Key("walk-down", "messages", "down,j", "↓ j", "walk(1)", mark("the message after")),
    Key("messages-page-up", "messages", "pageup", "PgUp", "page(-1)", mark("a page up")),
    Key("messages-page-down", "messages", "pagedown", "PgDn", "page(1)", mark("a page down")),
    Key("first", "messages", "home,g", "Home", "edge(False)", mark("the first message")),
    Key("last", "messages", "end,shift+g,G", "End", "edge(True)", mark("the last message")),
    Key("version-back", "messages", "left,h", "← h", "app.do('version_back')", mark("the version before")),
    Key("version-on", "messages", "right,l", "→ l", "app.do('version_on')", mark("the version after")),
    Key("text-back", "messages", "left_square_bracket", "[", "app.do('text_back')",
        mark("the text before it was changed")),
    Key("text-on", "messages", "right_square_bracket", "]", "app.do('text_on')", mark("the text after that")),
    Key("edit", "messages", "e", "e", "app.do('edit')", mark("edit")),
    Key("edit-branch", "messages", "E,shift+e", "E", "app.do('edit_branch')",
        mark("say it otherwise, in a branch of its own")),
    Key("move-up", "messages", "K,shift+up", "K", "app.do('move_up')", mark("move the message up")),
    Key("move-down", "messages", "J,shift+down", "J", "app.do('move_down')", mark("move the message down")),
    Key("checkpoint", "messages", "M,shift+m", "M", "app.do('name_place')",
        mark("name this place, to come back to it")),
    Key("parent", "messages", "B,shift+b", "B", "app.do('parent')",
        mark("back to the branch that this one came from")),
    Key("map", "messages", "m", "m", "app.screen_named('map')", mark("the map of the branches")),
    Key("again", "messages", "r", "r", "app.do('regenerate')", mark("another reply")),
    Key("swipes", "messages", "R,shift+r", "R", "app.do('more_swipes')",
        mark("three more replies, written in the background")),
    Key("continue", "messages", "c", "c", "app.do('continue_reply')", mark("go on writing from here")),
    Key("branch", "messages", "b", "b", "app.do('branch')",
        mark("branch here: what follows stays in the other branch")),
    Key("copy", "messages", "y", "y", "app.do('copy')", mark("copy")),
    Key("delete", "messages", "d,delete", "d", "app.do('delete_chosen')", mark("delete")),
    Key("hide", "messages", "x", "x", "app.do('hide_chosen')", mark("hide from the model, or show again")),
    Key("messages-undo", "messages", "u,ctrl+z", "u", "app.do('undo')", mark("undo")),
    Key("messages-redo", "messages", "ctrl+y", "Ctrl+Y", "app.do('redo')", mark("redo")),
    Key("why", "messages", "i", "i", "app.do('explain')", mark("what was sent for this reply, and why")),
    Key("tokens", "messages", "t", "t", "app.do('tokens')", mark("what else might have been said, token by token")),
    Key("pin", "messages", "p", "p", "app.do('pin')", mark("pin what it says: it stands in every prompt")),
    Key("message-menu", "messages", "o,f7", "o", "app.screen_named('message')",
        mark("all that can be done with this message")),
    Key("thoughts", "messages", "space", "Space", "thoughts", mark("open or fold the thoughts")),
    Key("slash", "messages", "slash", "/", "app.begin_command", mark("commands")),
    Key("back", "messages", "enter,tab,escape", "Enter", "app.compose_line", mark("back to writing")),
    Key("messages-stop", "messages", "ctrl+c", "Ctrl+C", "app.do('stop')", mark("stop the reply")),
    Key("chats-panel", "chat", "ctrl+b", "Ctrl+B", "app.panel('left')",
        mark("chats and characters beside the story, or gone again")),
    Key("prompt-panel", "chat", "ctrl+e", "Ctrl+E", "app.panel('right')",
        mark("what the model sees beside the story, or gone again")),
    Key("swipe-back", "anywhere", "alt+left", "Alt+←", "do('swipe_back')", mark("the reply before")),
    Key("swipe-on", "anywhere", "alt+right", "Alt+→", "do('swipe_on')",
        mark("the next reply; beyond the last, a new one")),
    Key("regenerate", "anywhere", "ctrl+r", "Ctrl+R", "do('regenerate')", mark("another reply")),
    Key("unloop", "anywhere", "ctrl+l", "Ctrl+L", "do('unloop')",
        mark("cut the reply back to before its loop, and write on otherwise")),
    Key("palette", "anywhere", "ctrl+p", "Ctrl+P", "command_palette", mark("everything there is")),
    Key("help", "anywhere", "f1", "F1", "screen_named('help')", mark("help")),
    Key("chats", "anywhere", "f2", "F2", "screen_named('chats')", mark("characters and chats")),
    Key("presets", "anywhere", "f3", "F3", "screen_named('presets')", mark("profile and presets")),
    Key("connection", "anywhere", "f4", "F4", "screen_named('connection')", mark("connection and model")),
    Key("inspector", "anywhere", "f5", "F5", "screen_named('inspector')", mark("the prompt")),
    Key("map-anywhere", "anywhere", "f6", "F6", "screen_named('map')", mark("the map of the branches")),
    Key("quit", "anywhere", "ctrl+q", "Ctrl+Q", "leave", mark("leave; a reply goes on")),
    Key("inspector-next", "inspector", "tab,right", "Tab", "next_view(1)", mark("the next view")),
    Key("inspector-previous", "inspector", "shift+tab", "Shift+Tab", "next_view(-1)", mark("the view before")),
    Key("inspector-plan", "inspector", "1", "1", "view('plan')", mark("the plan, segment by segment")),
    Key("inspector-difference", "inspector", "2", "2", "view('difference')", mark("what changed")),
    Key("inspector-lore", "inspector", "3", "3", "view('lore')", mark("the lore and why it fired")),
    Key("inspector-macros", "inspector", "4", "4", "view('macros')", mark("macros and variables")),
    Key("inspector-numbers", "inspector", "5", "5", "view('numbers')", mark("the numbers")),
    Key("inspector-fold", "inspector", "space", "Space", "fold", mark("open or fold a run of messages")),
    Key("inspector-search", "inspector", "slash,full_stop", "/", "search", mark("search texts and sources")),
    Key("inspector-on", "inspector", "n", "n", "next_hit(1)", mark("the next that was found")),
    Key("inspector-back", "inspector", "N", "N", "next_hit(-1)", mark("the one found before")),
    Key("inspector-filter", "inspector", "f", "f", "filter", mark("lore: all, what fired, what did not")),
    Key("inspector-thaw", "inspector", "m", "m", "thaw", mark("resolve the macros of the head again")),
    Key("inspector-text", "inspector", "t", "t", "text", mark("the whole prompt as text")),
    Key("inspector-go", "inspector", "g", "g", "go", mark("to the message in the story")),
    Key("inspector-close", "inspector", "f5,ctrl+e", "F5", "back", mark("back to the story")),
    Key("tokens-back", "tokens", "left,h", "← h", "walk(-1)", mark("the token before")),
    Key("tokens-on", "tokens", "right,l", "→ l", "walk(1)", mark("the token after")),
    Key("tokens-row-up", "tokens", "pageup", "PgUp", "row(-1)", mark("a line up")),
    Key("tokens-row-down", "tokens", "pagedown", "PgDn", "row(1)", mark("a line down")),
    Key("tokens-first", "tokens", "home,g", "Home", "edge(False)", mark("the first token")),
    Key("tokens-last", "tokens", "end,G", "End", "edge(True)", mark("the last token")),
    Key("tokens-rival-up", "tokens", "up,k", "↑ k", "rival_by(-1)", mark("a likelier token")),
    Key("tokens-rival-down", "tokens", "down,j", "↓ j", "rival_by(1)", mark("a less likely token")),
    Key("tokens-doubtful", "tokens", "n", "n", "doubtful(1)", mark("the next token that was unlikely")),
    Key("tokens-doubtful-back", "tokens", "N", "N", "doubtful(-1)", mark("the unlikely one before")),
    Key("tokens-choose", "tokens", "enter", "Enter", "choose", mark("go on from there, in a version of its own")),
)


#: Keys that act before the next one is looked at: leaving works in dialogs too; what is typed in one go after the way
#: to the composer belongs there, and is no row of keys among the messages; F6 would else choose a line.
FIRST = frozenset({"quit", "slash", "back", "map-anywhere"})


def bindings(place: Place) -> Sequence[Binding]:
    """Textual's bindings for a place; their ids let a person's key file change them. Leaving works in dialogs too, and
    the keys of the panels come before what they mean to a line of text."""
    return [
        Binding(k.keys, k.action, k.label, show=False, priority=k.id in FIRST or place in ("chat", "tokens"), id=k.id)
        for k in KEYS if k.place == place
    ]


#: A key that no keyboard sends: what a default is moved to when the person has given its key to something else.
_NOWHERE = "f24"


def with_own(own: Mapping[str, str]) -> dict[str, str]:
    """A person's keys by id, and what gives way to them: a default that has one of these keys, wherever it holds,
    loses it."""
    taken = {key.strip() for keys in own.values() for key in keys.split(",")}
    out = dict(own)
    for key in KEYS:
        left = [one for one in key.keys.split(",") if one not in taken]
        if key.id not in own and len(left) < len(key.keys.split(",")):
            out[key.id] = ",".join(left) or _NOWHERE
    return out


COMPOSER_BINDINGS = bindings("composer")
TRANSCRIPT_BINDINGS = bindings("messages")
CHAT_BINDINGS = bindings("chat")
APP_BINDINGS = bindings("anywhere")
INSPECTOR_BINDINGS = bindings("inspector")
TOKEN_BINDINGS = bindings("tokens")


def latin_key(key: str, character: str | None = None) -> str:
    """Textual's name of the key that was meant: `ctrl+с` (Cyrillic) is `ctrl+c`, `о` is `j`, `.` typed as `ю` stays."""
    *modifiers, last = key.split("+")
    source = last if len(last) == 1 else (character or "") if not modifiers else ""
    if len(source) != 1 or source.isascii() or not source.isalpha():
        return key
    meant = to_latin(source)
    if meant == source or not meant:
        return key
    if meant.isupper() and modifiers:
        meant = meant.lower()
    name = meant if meant.isalnum() else _character_to_key(meant)
    return "+".join([*modifiers, KEY_NAME_REPLACEMENTS.get(name, name)])
