"""Messages written out in a prompt format, exactly as the model was trained on it.

The rules are those of the project's table of prompt formats. What the format says is markup; what people, cards,
lorebooks and models say never is, even where it stands inside a prefix (`{{name}}`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from tui.domain.backend import ChatMessage, Piece
from tui.domain.clock import format_date
from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.domain.prompt.compatible.render import compatible_messages, compatible_pieces
from tui.domain.prompt.guard import guarded
from tui.domain.prompt.types import Plan, Segment, Turn
from tui.domain.template import ReasoningTags, Template, Trim, TrimRule

_PLACE = re.compile(r"\{\{(char|user|name|bos|date:[^{}]*)\}\}")
#: Under this key the plan state keeps the date in a format's own text, so that midnight does not change the head.
TEMPLATE_CLOCK = "template|clock"
_NESTED: Mapping[str, type[Any]] = {"trim": Trim, "reasoning": ReasoningTags}


@dataclass(frozen=True, slots=True)
class Cast:
    """Who and when, for the places in a format's literals. `group` is True when several characters speak; `speaker`
    is who writes next."""

    char: str = ""
    user: str = ""
    clock: str = ""
    group: bool = False
    speaker: Literal["assistant", "user"] = "assistant"


def render_messages(
    template: Template, messages: Sequence[ChatMessage], *, generation: bool = True, continue_last: bool = False,
    mode: str = "", clock: str = "", char: str = "", user: str = "", group: bool = False,
    speaker: Literal["assistant", "user"] = "assistant",
) -> tuple[str, tuple[Piece, ...]]:
    """The literal BOS (for backends that add none) and the prompt after it.

    A leading system message is the system text; later ones are notes, written as the format's `note_role` says.
    `generation` puts the opener of a reply at the end, or that of the person's next message (`speaker`); with
    `continue_last` the last message, the speaker's, is that turn already begun. `clock` is ISO 8601. Raises BadInput
    for a `mode` the format does not have.
    """
    form = with_mode(template, mode)
    cast = Cast(char, user, clock, group, speaker)
    system, turns = _normalise(form, messages, continue_last)
    return form.bos, guarded(_Writer(form, cast).write(system, turns, generation, continue_last), form)


def plan_messages(plan: Plan, turn: Turn) -> tuple[ChatMessage, ...]:
    """The plan as messages: system text first, notes in their places as the format takes them, a started reply last.
    The same messages serve chat-completion servers."""
    if turn.prompt.mode == "compatible":
        return compatible_messages(plan, turn)
    form = with_mode(turn.template, turn.mode)
    blocks: list[list[Segment]] = []
    for segment in plan.segments:
        if not segment.included or segment.source == "template":
            continue
        if blocks and segment.block and blocks[-1][0].block == segment.block:
            blocks[-1].append(segment)
        else:
            blocks.append([segment])
    messages = [ChatMessage(block[0].role, _block_text(block), block[0].name) for block in blocks]
    leading = messages if messages and blocks[0][0].block == "head" else [ChatMessage("system", ""), *messages]
    placed = place_notes(form, leading)
    return tuple(placed if placed[0].content else placed[1:])


def _block_text(block: Sequence[Segment]) -> str:
    """Glue at the edges of a block, left over where a neighbour did not fit, goes."""
    return "".join(s.text for s in block).strip("\n") if block[0].block else block[0].text


def render_plan(plan: Plan, turn: Turn) -> tuple[str, tuple[Piece, ...]]:
    """Literal BOS and the prompt in the turn's format, opener or started reply at the end."""
    if turn.prompt.mode == "compatible":
        return compatible_pieces(plan, turn)
    return render_messages(
        turn.template, plan_messages(plan, turn), continue_last=_continues(plan), mode=turn.mode,
        clock=plan.state.frozen.get(TEMPLATE_CLOCK, turn.clock), char=turn.card.display_name, user=turn.user,
        group=turn.group, speaker=speaker_of(turn),
    )


def speaker_of(turn: Turn) -> Literal["assistant", "user"]:
    """Whose turn the prompt ends with."""
    return "user" if turn.kind == "impersonate" else "assistant"


def plan_prefill(plan: Plan) -> str:
    """The started reply as it is sent: the turn's, without blanks at its end; "" if there is none."""
    return plan.segments[-1].text if _continues(plan) else ""


def _continues(plan: Plan) -> bool:
    return bool(plan.segments) and plan.segments[-1].source == "prefill"


def text_of(pieces: Iterable[Piece], bos: str = "") -> str:
    """The pieces as one text."""
    return bos + "".join(piece.text for piece in pieces)


def with_mode(template: Template, mode: str) -> Template:
    """The format with the overrides of one of its modes; "" is the format itself."""
    if not mode:
        return template
    if mode not in template.modes:
        known = ", ".join(template.modes) or "–"
        raise BadInput(
            notice("The prompt format {template} has no mode {mode}. It has: {known}.", template=template.id,
                   mode=mode, known=known),
            field="mode",
        )
    own = {f.name for f in fields(Template)} - {"id", "modes", "detect"}
    changes = {name: _nested(name, value) for name, value in template.modes[mode].items() if name in own}
    return replace(template, **changes)


def place_notes(template: Template, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Later system messages made what the format can take: kept, turned into user turns, or put into one.

    A format that has no system turn of its own cannot take them as such, whatever its `note_role`.
    """
    how = template.note_role
    if how == "system" and template.system_placement != "turn":
        how = "user"
    if how == "system":
        return list(messages)
    if how == "user":
        return [replace(m, role="user", name="") if i and m.role == "system" else m for i, m in enumerate(messages)]
    return _inline(template.join, messages)


def names_on(template: Template, group: bool) -> bool:
    """Whether speakers' names stand in the turns. In a group they do wherever the format has none of its own: else
    nobody could tell who said what."""
    has_own = "{{name}}" in template.assistant_prefix or "{{char}}" in template.assistant_prefix
    return template.names == "always" or (group and (template.names == "group" or not has_own))


def named_messages(messages: Sequence[ChatMessage], form: Template, *, started: bool) -> tuple[ChatMessage, ...]:
    """Messages with the speakers' names in their texts, for servers that write the prompt themselves. `started` says
    that the last one is the beginning of the reply: it stays as it is."""
    last = len(messages) - 1 if started else len(messages)
    return tuple(
        replace(m, content=form.name_format.replace("{{name}}", m.name) + m.content)
        if at < last and m.name and m.content and m.role != "system" else m
        for at, m in enumerate(messages)
    )


def _inline(join: str, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Notes go to the beginning of the next user turn, else to the end of the one before."""
    out: list[ChatMessage] = []
    waiting: list[str] = []
    for at, message in enumerate(messages):
        if at and message.role == "system":
            waiting.append(message.content)
        elif message.role == "user" and waiting:
            out.append(replace(message, content=join.join([*waiting, message.content])))
            waiting = []
        else:
            out.append(message)
    if waiting:
        last = next((i for i in range(len(out) - 1, -1, -1) if out[i].role == "user"), None)
        if last is None:
            out.insert(1 if out and out[0].role == "system" else 0, ChatMessage("user", join.join(waiting)))
        else:
            out[last] = replace(out[last], content=join.join([out[last].content, *waiting]))
    return out


def _nested(name: str, value: Any) -> Any:
    if name in _NESTED and isinstance(value, Mapping):
        return _NESTED[name](**value)
    return tuple(value) if name in ("stop", "aliases") else value


def _normalise(
    form: Template, messages: Sequence[ChatMessage], continue_last: bool
) -> tuple[str, list[ChatMessage]]:
    """The system text, and the turns after the rules on notes, first turn and neighbours of one role."""
    system = messages[0].content if messages and messages[0].role == "system" else ""
    leading = messages if messages and messages[0].role == "system" else (ChatMessage("system", ""), *messages)
    turns = place_notes(form, leading)[1:]
    last = len(turns) - 1
    turns = [
        m if m.role != "assistant" or (continue_last and i == last)
        else replace(m, content=without_thoughts(m.content, form.reasoning))
        for i, m in enumerate(turns)
    ]
    if form.first_turn == "user" and (not turns or turns[0].role == "assistant"):
        turns.insert(0, ChatMessage("user", form.filler))
    return system, _merged(form, turns) if form.same_role == "merge" else turns


def without_thoughts(text: str, tags: ReasoningTags) -> str:
    """A finished reply without its thoughts, where the format cuts them from history."""
    if not (tags.strip_history and tags.end and tags.end in text):
        return text
    rest = text.rsplit(tags.end, 1)[1]
    return rest.lstrip(tags.lstrip) if tags.lstrip else rest


def _merged(form: Template, turns: Sequence[ChatMessage]) -> list[ChatMessage]:
    out: list[ChatMessage] = []
    for turn in turns:
        if out and out[-1].role == turn.role:
            # Only the first speaker's name can stand before the turn, so another's goes into the text.
            text = turn.content
            if turn.name and turn.name != out[-1].name and form.names != "never":
                text = form.name_format.replace("{{name}}", turn.name) + text
            out[-1] = replace(out[-1], content=out[-1].content + form.join + text)
        else:
            out.append(turn)
    return out


class _Writer:
    """Turns into pieces; neighbouring pieces of one kind become one."""

    def __init__(self, form: Template, cast: Cast) -> None:
        self.form = form
        self.cast = cast
        self.names = names_on(form, cast.group)
        self.out: list[Piece] = []

    def write(
        self, system: str, turns: Sequence[ChatMessage], generation: bool, continue_last: bool
    ) -> list[Piece]:
        form = self.form
        self._literal(form.preamble)
        block = self._system_block(system)
        host = self._host(turns)
        if host is None and form.system_placement == "turn":
            self._put(block)
        self._literal(form.chat_start)
        if host is None and form.system_placement != "turn" and block:
            self._turn(ChatMessage("user", ""), block)
        continued = len(turns) - 1 if continue_last and turns and turns[-1].role == self.cast.speaker else None
        for at, turn in enumerate(turns):
            if at == continued:
                self._continued(turn)
            else:
                self._turn(turn, block if at == host else [])
        if generation and continued is None:
            self._opener()
        return self.out

    def _host(self, turns: Sequence[ChatMessage]) -> int | None:
        """The user turn that takes the system text, where it has no turn of its own."""
        users = [i for i, turn in enumerate(turns) if turn.role == "user"]
        if self.form.system_placement == "turn" or not users:
            return None
        return users[0] if self.form.system_placement == "first_user" else users[-1]

    def _system_block(self, system: str) -> list[Piece]:
        form = self.form
        if not system:
            return self._filled(form.system_missing, "")
        text = trimmed(system, form.trim.system) if form.trim_scope == "content" else system
        return [*self._filled(form.system_prefix, ""), Piece(text), *self._filled(form.system_suffix, "")]

    def _turn(self, turn: ChatMessage, folded: Sequence[Piece]) -> None:
        prefix, suffix, rule = self._wrapping(turn.role)
        name = self._name(turn)
        self._literal(prefix, name)
        text = trimmed(turn.content, rule) if self.form.trim_scope == "content" else turn.content
        body = [*folded, Piece(self._name_line(turn)), Piece(text)]
        self._put(_trim_ends(body, rule) if self.form.trim_scope == "turn" else body)
        self._literal(suffix, name)

    def _wrapping(self, role: str) -> tuple[str, str, TrimRule]:
        form = self.form
        if role == "user":
            return form.user_prefix, form.user_suffix, form.trim.user
        if role == "system":
            prefix = form.system_prefix if form.note_prefix is None else form.note_prefix
            return prefix, form.system_suffix, form.trim.system
        return form.assistant_prefix, form.assistant_suffix, form.trim.assistant

    def _continued(self, turn: ChatMessage) -> None:
        """A reply already begun: its opener and text, left open. Its end is the model's place to go on, so only its
        beginning is trimmed."""
        form = self.form
        if turn.role == "user":
            prefix, rule = form.user_prefix, form.trim.user
        else:
            own, rule = form.prefill_prefix, form.trim.assistant
            prefix = form.assistant_prefix if own is None else own
        self._literal(prefix, self._name(turn))
        self._put([Piece(self._name_line(turn)), Piece(_left(turn.content, rule))])

    def _opener(self) -> None:
        form, cast = self.form, self.cast
        # A blank at the end of a prompt is a token that the model never saw there.
        if cast.speaker == "user":
            prefix, name = form.user_prefix.rstrip(" "), cast.user
        else:
            own, name = form.generation_prefix, cast.char
            prefix = form.assistant_prefix if own is None else own
        self._literal(prefix, name)
        if self.names and name:
            self._put([Piece(form.name_format.replace("{{name}}", name).rstrip())])

    def _name(self, turn: ChatMessage) -> str:
        if turn.role == "system":
            return ""
        return turn.name or (self.cast.user if turn.role == "user" else self.cast.char)

    def _name_line(self, turn: ChatMessage) -> str:
        name = self._name(turn)
        return self.form.name_format.replace("{{name}}", name) if self.names and name and turn.content else ""

    def _literal(self, literal: str, name: str = "") -> None:
        self._put(self._filled(literal, name))

    def _filled(self, literal: str, name: str) -> list[Piece]:
        """A literal of the format with its places filled; names in it are text, not markup."""
        others = self.cast.group and name not in ("", self.cast.user)
        values = {"char": name if others else self.cast.char, "user": self.cast.user, "name": name}
        pieces: list[Piece] = []
        at = 0
        for place in _PLACE.finditer(literal):
            pieces.append(Piece(literal[at : place.start()], True))
            what = place[1]
            if what in values:
                pieces.append(Piece(values[what]))
            else:
                pieces.append(Piece(self.form.bos if what == "bos" else format_date(what[5:], self.cast.clock), True))
            at = place.end()
        pieces.append(Piece(literal[at:], True))
        return pieces

    def _put(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            if not piece.text:
                continue
            if self.out and self.out[-1].markup == piece.markup:
                self.out[-1] = Piece(self.out[-1].text + piece.text, piece.markup)
            else:
                self.out.append(piece)


def trimmed(text: str, rule: TrimRule) -> str:
    """A text after one of the format's trim rules."""
    return _right(_left(text, rule), rule)


def _left(text: str, rule: TrimRule) -> str:
    if rule == "left_newlines":
        return text.lstrip("\n")
    return text.lstrip() if rule == "both" else text


def _right(text: str, rule: TrimRule) -> str:
    if rule == "right_spaces":
        return text.rstrip(" ")
    return text.rstrip() if rule in ("both", "right") else text


def _trim_ends(pieces: Sequence[Piece], rule: TrimRule) -> list[Piece]:
    """The rule applied to the pieces as if they were one text."""
    out = [piece for piece in pieces if piece.text]
    while out:
        out[0] = replace(out[0], text=_left(out[0].text, rule))
        if out[0].text:
            break
        out.pop(0)
    while out:
        out[-1] = replace(out[-1], text=_right(out[-1].text, rule))
        if out[-1].text:
            break
        out.pop()
    return out
