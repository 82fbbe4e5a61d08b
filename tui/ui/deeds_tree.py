"""Commands that change the tree of a chat: for the chosen or last message, or for one that is named by its number."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from tui.domain.chat import Node
from tui.domain.cleantext import clean_line
from tui.domain.errors import BadInput, Refused
from tui.domain.notice import Notice, notice
from tui.i18n import tr
from tui.ui.commands import latin_word
from tui.ui.host import host, link, open_chat_of
from tui.ui.ranges import parse_range

if TYPE_CHECKING:
    from textual.app import App

    from tui.ui.app import TraktirApp

Deed = Callable[["App[Any]", str], Awaitable[None]]

_NUMBER = re.compile(r"#?(\d{1,9})")
_UP = frozenset({"up", "выше", "вверх"})
_DOWN = frozenset({"down", "ниже", "вниз"})


def on_message(name: str) -> Deed:
    """An action on the chosen or last message, or on the one whose number is given."""
    async def run(app: App[Any], rest: str) -> None:
        if rest:
            choose_number(app, rest)
        await getattr(host(app).actions, name)()

    return run


def choose_number(app: App[Any], text: str) -> None:
    """Choose the message of a number in the story. Raises BadInput."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise BadInput(notice("{text} is not the number of a message.", text=text.strip()[:40]), "Write it like 12.")
    path = path_of(app)
    number, _ = parse_range(found[1], len(path))
    chat = cast("TraktirApp", app).chat
    chat.set_focus(chat.story)
    chat.story.goto(path[number - 1].id)


def path_of(app: App[Any]) -> list[Node]:
    """The messages on view. Raises Refused."""
    return open_chat_of(app).path(host(app).state.head)


async def delete(app: App[Any], rest: str) -> None:
    """Delete the last N messages, or those of a range: 40-60, #12. Raises BadInput, Refused."""
    text = rest.strip()
    if not text or (text.isdecimal() and int(text) > 0):
        await host(app).actions.delete(int(text or 1))
        return
    path = path_of(app)
    first, last = parse_range(text, len(path))
    await delete_range(app, path, first, last)


async def delete_range(app: App[Any], path: list[Node], first: int, last: int) -> None:
    """Delete messages `first` to `last` of a path (from 1), after asking; what follows them stays."""
    from tui.ui.screens.confirm import confirm

    nodes = path[first - 1:last]
    question = (
        tr("Delete messages {first} to {last}?", first=first, last=last) if last > first
        else tr("Delete message {n}?", n=first)
    )
    detail = tr(
        "From “{begin}” to “{end}”: what follows stays, and Undo brings them back.",
        begin=clean_line(nodes[0].text, 40), end=clean_line(nodes[-1].text, 40),
    )
    if not await confirm(app, question, detail, tr("Delete")):
        return
    view = host(app).state.head
    found = await link(app).call("node.delete", chat=open_chat_of(app).id, nodes=[n.id for n in nodes])
    if view in {n.id for n in nodes}:
        cast("TraktirApp", app).after_delete(found["head"])


async def move(app: App[Any], rest: str) -> None:
    """Move a message up or down: `up`, `down 3`, `12 up 2`. Raises BadInput, Refused."""
    words = rest.split()
    if words and _NUMBER.fullmatch(words[0]):
        choose_number(app, words.pop(0))
    way = words.pop(0) if words else ""
    places = words.pop(0) if words else "1"
    up, down = (way.casefold() in names or latin_word(way) in names for names in (_UP, _DOWN))
    if not (up or down) or not places.isdecimal() or int(places) < 1 or words:
        raise BadInput(notice("/move takes up or down, and how far: up, down 3; a number before it names the message."))
    await host(app).actions.move(-int(places) if up else int(places))


async def edit(app: App[Any], rest: str) -> None:
    """Edit the person's last message, or the one whose number is given. Raises BadInput, Refused."""
    if rest:
        await on_message("edit")(app, rest)
    else:
        await host(app).actions.edit_last()


async def message(app: App[Any], rest: str) -> None:
    """All that can be done with the chosen or last message, or with the one whose number is given. Raises BadInput."""
    if rest or cast("TraktirApp", app).chosen() is None:
        choose_number(app, rest or str(len(path_of(app))))
    host(app).open_screen("message")


async def parent(app: App[Any], rest: str) -> None:
    """Back to the branch that the one on view was branched off from. Raises Refused."""
    chat, head = open_chat_of(app).id, host(app).state.head
    found = await link(app).call("chats.parent", id=chat, head=head)
    if found["node"] is None:
        raise Refused("This is the first branch: it was branched off from none.", "/map shows all branches.")
    await host(app).actions.open_chat(chat, found["leaf"])
    host(app).show_head(found["leaf"], found["node"])
    told = "The branch that this one came from. /map shows all of them."
    host(app).say_notice(Notice(told))


#: What each of these commands does, by its name.
DEEDS: Mapping[str, Deed] = {
    "regenerate": on_message("regenerate"), "continue": on_message("continue_reply"), "branch": on_message("branch"),
    "edit": edit, "fork": on_message("edit_branch"), "delete": delete, "message": message, "move": move,
    "parent": parent, "older": on_message("text_back"), "newer": on_message("text_on"),
}
