"""The chat as a list of messages, with what is put between them, and each written in the instruct format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tui.domain.chat import Node, Role
from tui.domain.prompt.compatible.extras import Extras
from tui.domain.prompt.compatible.filling import Filling
from tui.domain.prompt.compatible.runs import Run, Runs, text_of_runs, wrapped
from tui.domain.prompt.compatible.settings import ROLES, CompatibleSettings
from tui.domain.prompt.types import Turn

#: What regular expressions make of a text on its way into the prompt: (text, "user", "assistant" or "reasoning",
#: depth with 0 for the newest message) to text.
Rewrite = Callable[[str, str, int], str]
CONTINUED = "continued"
#: More characters than this no vocabulary puts into one token on average: what lies beyond cannot fit.
CHARS_PER_TOKEN = 64


@dataclass(frozen=True, slots=True)
class Item:
    """One message. `name` "" is none. `injected`: put between the messages of the chat. `node` is its id."""

    role: Role
    name: str
    runs: Runs
    node: str = ""
    injected: bool = False
    narrator_name: str = ""                       # what `{{name}}` stands for in a message without a name

    @property
    def text(self) -> str:
        return text_of_runs(self.runs)


def chat_items(turn: Turn, settings: CompatibleSettings, filling: Filling, rewrite: Rewrite | None) -> list[Item]:
    """The visible messages, oldest first, thoughts added to the newest replies; the one that is to be continued is
    the last."""
    nodes = _near(turn)
    continued = turn.kind == "continue"
    first = turn.path[0].id if turn.path else ""
    items = []
    last = len(nodes) - (2 if continued and not turn.prefill else 1)     # the node that is at depth 0
    for at, node in enumerate(nodes):
        text = filling.macros(node.text, "first_message") if node.id == first else node.text
        if rewrite is not None:
            text = rewrite(text, "user" if node.role == "user" else "assistant", last - at)
        items.append(Item(node.role, node.name, (Run(text, f"message:{node.id}"),), node.id))
    if continued and turn.prefill:
        char = turn.card.display_name
        items.append(Item("assistant", char, (Run(turn.prefill, "prefill"),), CONTINUED))
    return _with_thoughts(turn, settings, filling, nodes, items, rewrite, last)


def _near(turn: Turn) -> list[Node]:
    """The visible messages, without the older ones of a long chat that could not fit by any count."""
    room = max(1, turn.budget.context - turn.budget.reserve) * CHARS_PER_TOKEN
    out: list[Node] = []
    for node in reversed(turn.path):
        if not node.hidden:
            out.append(node)
            room -= len(node.text) + 1
            if room < 0:
                break
    return out[::-1]


def _with_thoughts(
    turn: Turn, settings: CompatibleSettings, filling: Filling, nodes: Sequence[Node], items: list[Item],
    rewrite: Rewrite | None, last: int,
) -> list[Item]:
    """Thoughts in front of the newest messages that have some, as many as are asked for, and of the one to be
    continued."""
    tags = settings.reasoning
    prefix, suffix, separator = (
        filling.macros(part, "reasoning") for part in (tags.prefix, tags.suffix, tags.separator)
    )
    left = max(turn.reasoning_added, tags.max_additions if tags.add_to_prompts else 0)
    for at in range(len(nodes) - 1, -1, -1):
        own = turn.kind == "continue" and not turn.prefill and at == len(nodes) - 1
        if left <= 0 and not own:
            break
        thought = nodes[at].revision.reasoning
        if thought and rewrite is not None:
            thought = rewrite(thought, "reasoning", last - at)
        if not thought:
            continue
        left -= 1
        item = items[at]
        before = Run(prefix + thought, f"reasoning:{nodes[at].id}")
        if own and not item.text:
            items[at] = replace(item, runs=(before,))
        else:
            items[at] = replace(item, runs=(replace(before, text=before.text + suffix + separator), *item.runs))
    return items


def inject(items: Sequence[Item], extras: Extras, turn: Turn) -> list[Item]:
    """The messages with what stands at depths between them. At one depth, system text stands last; in front of a
    message that is continued stands what belongs behind it."""
    newest_first = list(reversed(items))
    names = {"system": "", "user": turn.user, "assistant": turn.card.display_name}
    put = 0
    for depth in extras.depths():
        here = [
            Item(role, names[role], runs, injected=True, narrator_name=turn.card.display_name)
            for role in ROLES if (runs := extras.at(depth, role))
        ]
        if here:
            at = 1 if turn.kind == "continue" and depth == 0 else depth
            at = min(at + put, len(newest_first))
            newest_first[at:at] = here
            put += len(here)
    return newest_first[::-1]


def with_post_history(items: Sequence[Item], text: str, turn: Turn) -> list[Item]:
    """The messages with the post-history instructions as a message of the person's, without a name, at the end (in
    front of a message that is continued)."""
    if not text:
        return list(items)
    item = Item("user", "", (Run(text, "post_history"),))
    return [*items[:-1], item, *items[-1:]] if turn.kind == "continue" else [*items, item]


def own_names(turn: Turn) -> frozenset[str]:
    """Names under which the person and the character speak; others are guests. Who greets is the character, whatever
    the card is called today."""
    greeter = next((node.name for node in turn.path if node.role == "assistant"), "")
    return frozenset((turn.user, turn.card.display_name, turn.card.name, greeter))


@dataclass(frozen=True, slots=True)
class Formatted:
    """A message as it stands in the prompt."""

    item: Item
    runs: Runs


class Writer:
    """Writes messages. Outside instruct mode a message is `Name: text` and a line end."""

    def __init__(self, turn: Turn, settings: CompatibleSettings, filling: Filling) -> None:
        self._turn, self._instruct, self._filling = turn, settings.instruct, filling
        self._char = turn.card.display_name
        self._group = turn.group or turn.cast is not None
        self._known = own_names(turn)

    def chat(self, items: Sequence[Item]) -> list[Formatted]:
        """All messages, oldest first; the first and the last have sequences of their own."""
        last_user = max((at for at, i in enumerate(items) if i.role == "user"), default=-1)
        out = []
        for at, item in enumerate(items):
            which: Literal["", "first", "last"] = "first" if at == 0 else ""
            if at == last_user and self._turn.kind != "impersonate":
                which = "last"
            if at == len(items) - 1 and self._turn.kind == "continue":
                out.append(Formatted(item, self.message(item, "last", suffix=False)))
            else:
                out.append(Formatted(item, self.message(item, which)))
        return out

    def message(self, item: Item, which: Literal["", "first", "last"] = "", suffix: bool = True) -> Runs:
        """One message; without its `suffix` it ends with its text."""
        if not self._instruct.enabled:
            return self._bare(item, suffix)
        instruct = self._instruct
        name = item.name or (item.narrator_name if item.role == "system" else "")
        before = self._filling.sequence(self._prefix(item.role, which), name or "System", instruct.macro)
        after = self._filling.sequence(self._suffix(item.role), name or "System", instruct.macro)
        if not text_of_runs(after) and instruct.wrap:
            after = (Run("\n", markup=True),)
        said = item.runs
        if self._named(item):
            said = (Run(f"{item.name}: "), *said)
        return wrapped(before, said, after if suffix else (), instruct.wrap)

    def _bare(self, item: Item, suffix: bool) -> Runs:
        name = (Run(f"{item.name}: "),) if item.name and item.role != "system" else ()
        return (*name, *item.runs, *((Run("\n", markup=True),) if suffix else ()))

    def _named(self, item: Item) -> bool:
        """Whether the speaker's name stands in front: always, or where it is somebody else than one would think."""
        if item.role == "system" or not item.name:
            return False
        if self._instruct.names_behavior != "force":
            return self._instruct.names_behavior == "always"
        if item.injected or item.name == self._turn.user:
            return self._group and item.name != self._turn.user
        return self._group or item.role == "user" or item.name not in self._known

    def _prefix(self, role: Role, which: str) -> str:
        form = self._instruct
        if role == "system":
            return form.input_sequence if form.system_same_as_user else form.system_sequence
        if role == "user":
            own = {"first": form.first_input_sequence, "last": form.last_input_sequence}
            return own.get(which, "") or form.input_sequence
        own = {"first": form.first_output_sequence, "last": form.last_output_sequence}
        return own.get(which, "") or form.output_sequence

    def _suffix(self, role: Role) -> str:
        form = self._instruct
        if role == "system":
            return form.input_suffix if form.system_same_as_user else form.system_suffix
        return form.input_suffix if role == "user" else form.output_suffix
