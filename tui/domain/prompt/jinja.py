"""A prompt written by the model's own template, for templates that no format of ours can express.

The template sees marks in place of texts, one for each message; what stands between the marks is the format, and only
that is markup. So no text can open or close a turn, whatever it says. Templates may cut or trim texts: rendered once
more with the real ones, the template shows what it would have made of each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tui.domain.backend import ChatMessage, Piece
from tui.domain.errors import BadInput
from tui.domain.notice import Notice
from tui.domain.prompt.probes import MODES, TAGS, Render
from tui.domain.prompt.render import names_on, place_notes
from tui.domain.template import Template

_MARK = re.compile("\ue0f0([\ue100-\ue109]+)\ue0f1")
_DIGITS = {ord(str(digit)): 0xE100 + digit for digit in range(10)}
_NUMBERS = {place: digit for digit, place in _DIGITS.items()}
_FOLDED = Notice("The model's own template takes no system text: it stands at the beginning of the user's first turn.")
_MERGED = Notice("The model's own template wants user and character to take turns: neighbouring messages are joined.")
_NOTES = Notice("The model's own template takes no later system text: notes are written as the user's.")
_UNLIKE = Notice("The model's own template changes texts in a way that cannot be followed: they stand as written.")
_LOST = Notice("The model's own template leaves messages out of the prompt. Another prompt format would keep them.")


@dataclass(frozen=True, slots=True)
class JinjaRendered:
    """A prompt: the literal BOS (for backends that add none), the rest, and what a person should know of it."""

    bos: str
    pieces: tuple[Piece, ...]
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class _Chat:
    """Messages as they are offered to the template, and what had to be done to them."""

    messages: tuple[ChatMessage, ...]
    notices: tuple[Notice, ...] = ()


def jinja_pieces(
    template: Template, messages: Sequence[ChatMessage], render: Render, *, generation: bool = True,
    continue_last: bool = False, clock: str = "", mode: str = "", char: str = "", group: bool = False,
) -> JinjaRendered:
    """`messages` as the template's text in `template.jinja` writes them; `render` runs that text under limits, and
    knows the model's tokens. What it refuses is offered again with notes as the user's, neighbours joined, and the
    system text folded in. Raises BadInput where it refuses all of that."""
    named = names_on(template, group)
    continues = continue_last and bool(messages) and messages[-1].role == "assistant"
    runner = _Runner(render, clock, mode, generation and not continues, continues)
    best: tuple[_Chat, list[str | int]] | None = None
    for chat in _forms(template, [_with_name(template, m) if named else m for m in messages]):
        parts = runner.parts(chat.messages)
        if parts is None:
            continue
        if {part for part in parts if isinstance(part, int)} >= _needed(chat.messages):
            return _finish(template, runner, chat, parts, char if named else "")
        best = best or (_Chat(chat.messages, (*chat.notices, _LOST)), parts)
    if best is None:
        raise BadInput(
            Notice("The model's own template refuses this chat."),
            Notice("Choose another prompt format for this model in its profile."), field="template",
        )
    return _finish(template, runner, *best, char if named else "")


def _finish(
    template: Template, runner: _Runner, chat: _Chat, parts: Sequence[str | int], char: str,
) -> JinjaRendered:
    """The real texts put in, as the template would have cut them where that can be told."""
    texts = [m.content for m in chat.messages]
    notices = chat.notices
    plain = "".join(part if isinstance(part, str) else texts[part] for part in parts)
    direct = runner.direct(chat.messages)
    filled = [part if isinstance(part, str) else texts[part] for part in parts]
    if direct is not None and not (direct.startswith(plain) if runner.continues else direct == plain):
        followed = _follow(parts, texts, direct, runner.continues)
        if followed is None:
            notices = (*notices, _UNLIKE)
        else:
            filled = followed
    pieces: list[Piece] = []
    for part, text in zip(parts, filled, strict=True):
        _add(pieces, Piece(text, isinstance(part, str)))
    if char and runner.opens:
        _add(pieces, Piece(template.name_format.replace("{{name}}", char).rstrip()))
    bos = template.bos
    if bos and pieces and pieces[0].markup and pieces[0].text.startswith(bos):
        rest = Piece(pieces[0].text[len(bos) :], True)
        return JinjaRendered(bos, ((rest,) if rest.text else ()) + tuple(pieces[1:]), notices)
    return JinjaRendered("", tuple(pieces), notices)


class _Runner:
    """The template, and what it is told beside the messages."""

    def __init__(self, render: Render, clock: str, mode: str, opens: bool, continues: bool) -> None:
        self._render = render
        self._variables = {"clock": clock, "add_generation_prompt": opens, **MODES.get(mode, {})}
        self.opens = opens
        self.continues = continues

    def parts(self, messages: Sequence[ChatMessage]) -> list[str | int] | None:
        """Stretches of format, and numbers of messages between them; None where the template refuses."""
        text = self.direct([replace(m, content=_mark(at)) for at, m in enumerate(messages)])
        if text is None:
            return None
        parts: list[str | int] = []
        at = 0
        for mark in _MARK.finditer(text):
            number = int(mark[1].translate(_NUMBERS))
            if number < len(messages):
                parts += [text[at : mark.start()], number]
                at = mark.end()
        if self.continues:
            last = len(messages) - 1
            while parts and parts[-1] != last:
                parts.pop()
            return parts
        return [*parts, text[at:]]

    def direct(self, messages: Sequence[ChatMessage]) -> str | None:
        """What the template makes of the messages as they are."""
        return self._render(
            {**self._variables, "messages": [{"role": m.role, "content": m.content} for m in messages]}
        )


def _mark(number: int) -> str:
    return f"\ue0f0{str(number).translate(_DIGITS)}\ue0f1"


def _needed(messages: Sequence[ChatMessage]) -> set[int]:
    return {at for at, message in enumerate(messages) if message.content.strip()}


def _with_name(template: Template, message: ChatMessage) -> ChatMessage:
    if not message.name or message.role == "system" or not message.content:
        return message
    return replace(message, content=template.name_format.replace("{{name}}", message.name) + message.content)


def _forms(template: Template, messages: Sequence[ChatMessage]) -> Iterator[_Chat]:
    """The chat as it is, then in forms that stricter templates take; each only where it differs."""
    plain = [m for at, m in enumerate(messages) if at or m.role != "system" or m.content]
    yield _Chat(tuple(plain))
    leading = plain if plain and plain[0].role == "system" else [ChatMessage("system", ""), *plain]
    noted = place_notes(replace(template, note_role="user"), leading)
    notices: tuple[Notice, ...] = ()
    if noted != leading:
        notices = (_NOTES,)
        yield _Chat(_without_blank(noted), notices)
    head, turns = noted[0], list(noted[1:])
    if not turns or turns[0].role == "assistant":
        turns.insert(0, ChatMessage("user", template.filler))
        if head.content:                                    # the system text alone may be enough of a first turn
            yield _Chat((head, *turns), notices)
    merged = _merged(turns, template.join)
    if len(merged) < len(turns):
        notices = (*notices, _MERGED)
    yield _Chat(_without_blank([head, *merged]), notices)
    if head.content:
        first = replace(merged[0], content=template.join.join(t for t in (head.content, merged[0].content) if t))
        yield _Chat((first, *merged[1:]), (*notices, _FOLDED))


def _without_blank(messages: Sequence[ChatMessage]) -> tuple[ChatMessage, ...]:
    return tuple(messages[0 if messages[0].content else 1 :])


def _merged(turns: Sequence[ChatMessage], join: str) -> list[ChatMessage]:
    out: list[ChatMessage] = []
    for turn in turns:
        if out and out[-1].role == turn.role:
            out[-1] = replace(out[-1], content=join.join(t for t in (out[-1].content, turn.content) if t))
        else:
            out.append(turn)
    return out


def _follow(
    parts: Sequence[str | int], texts: Sequence[str], direct: str, continues: bool,
) -> list[str] | None:
    """`parts` filled so that they make `direct`: every stretch of format as it is, every text as the template may have
    cut it. None where that cannot be."""
    dead: set[tuple[int, int]] = set()
    # A step for each part: where it begins in `direct`, and the ways to fill it that were not tried.
    steps: list[tuple[int, Iterator[str]]] = [(0, _ways(parts[0], texts))] if parts else []
    chosen: list[str] = []
    while steps:
        at, ways = steps[-1]
        del chosen[len(steps) - 1 :]
        way = next((w for w in ways if direct.startswith(w, at)), None)
        if way is None or (len(steps), at) in dead:
            dead.add((len(steps), at))
            steps.pop()
            continue
        chosen.append(way)
        end = at + len(way)
        if len(steps) < len(parts):
            steps.append((end, _ways(parts[len(steps)], texts)))
        elif continues:
            return [*chosen[:-1], _open_end(texts[-1], way)]
        elif end == len(direct):
            return chosen
    return None


def _ways(part: str | int, texts: Sequence[str]) -> Iterator[str]:
    """What may stand for a part: a stretch of format itself; a text, trimmed, or without its thoughts."""
    if isinstance(part, str):
        return iter((part,))
    text = texts[part]
    rests = [text, *(text.rsplit(end, 1)[1] for _, end in TAGS if end in text)]
    return iter(dict.fromkeys(
        way for rest in rests for way in (
            rest, rest.rstrip(), rest.lstrip(), rest.strip(), rest.lstrip("\n"), rest.rstrip("\n"), rest.strip("\n"),
            rest.rstrip(" "), rest.lstrip(" "),
        )
    ))


def _open_end(text: str, way: str) -> str:
    """A started reply is cut at its beginning only: its end is where the model goes on."""
    return text[text.rindex(way) :] if way else text


def _add(pieces: list[Piece], piece: Piece) -> None:
    if not piece.text:
        return
    if pieces and pieces[-1].markup == piece.markup:
        pieces[-1] = Piece(pieces[-1].text + piece.text, piece.markup)
    else:
        pieces.append(piece)
