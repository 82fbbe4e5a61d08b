"""F5: the plan of the next turn, or of a reply that was made: every stretch of the prompt with its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import OptionList

from tui.domain.errors import PromptTooLong, TraktirError
from tui.i18n import tr
from tui.ui.host import Link, host, link, open_chat_of
from tui.ui.screens.connection import found_by_words
from tui.ui.screens.lorelines import lore_lines
from tui.ui.screens.page import Hint, Page, notice_text, sentence
from tui.ui.screens.reading import Reading
from tui.ui.widgets.listing import Line, Listing
from tui.ui.words import BROKEN, rounded, thousands

View = Literal["plan", "lore", "facts"]


class Inspector(Page):
    """Tab walks from the plan to the lore trace and to the facts. Enter opens a segment's text."""

    BINDINGS = [  # noqa: RUF012
        Binding("f5,ctrl+e", "back", id="inspector.close", show=False),
        Binding("tab,right", "next_view", id="inspector.next", show=False),
        Binding("t", "text", id="inspector.text", show=False),
    ]

    def __init__(self, node: str | None = None, revision: str = "", view: View = "plan") -> None:
        super().__init__()
        self._node, self._revision, self._view = node, revision, view
        self._shown: Mapping[str, Any] = {}
        self._generation: Mapping[str, Any] = {}

    def heading(self) -> str:
        if self._view == "lore":
            return tr("Lore: what fired and why")
        if self._view == "facts":
            return tr("How this reply was made") if self._node else tr("The next prompt in numbers")
        return tr("What was sent for this reply") if self._node else tr("What the next turn sends")

    def hints(self) -> Sequence[Hint]:
        following = {"plan": tr("lore"), "lore": tr("numbers"), "facts": tr("plan")}[self._view]
        hints = [Hint("Enter", tr("text"), "choose"), Hint("Tab", following, "next_view"), self.back_hint()]
        return (*hints, Hint("t", tr("whole prompt"), "text")) if self._shown.get("text") else tuple(hints)

    def body(self) -> ComposeResult:
        yield Listing()

    @property
    def listing(self) -> Listing:
        return self.query_one(Listing)

    async def load(self) -> None:
        self.listing.focus()
        chat = open_chat_of(self.app)
        if self._node is None:
            self.say(tr("Planning…"))
            await self._plan(chat.id)
            return
        else:
            got = await self.call("node.generation", chat=chat.id, node=self._node, revision=self._revision)
            self._generation, self._shown = got.get("generation") or {}, got.get("plan") or {}
        self._draw()

    async def _plan(self, chat_id: str) -> None:
        self._shown, problem = await plan_of(link(self.app), chat_id, host(self.app).state.head)
        self._draw()
        if problem:
            self.say(problem, problem=True)

    def _draw(self) -> None:
        self.head(plan_size(self._shown))
        self.redraw_hints()
        if self._view == "lore":
            lines = lore_lines(self._shown.get("lore") or ())
            empty = tr("No lorebook entry was looked at: neither the card nor the chat has a lorebook.")
        elif self._view == "facts":
            lines = fact_lines(self._generation, self._shown, self._ids())
            empty = tr("Nothing is known of how this text was made: a person wrote it.")
        else:
            lines = segment_lines(self._shown.get("segments") or (), self._ids())
            empty = tr("No plan was kept for this message: a person wrote it, or it came with an import.")
        notices = [notice_text(n) for n in self._shown.get("notices") or ()] if self._view == "plan" else []
        self.say("\n".join(notices) if lines else empty)
        self.listing.show(lines, keep=False)

    def _ids(self) -> list[str]:
        return [node.id for node in open_chat_of(self.app).path(host(self.app).state.head)]

    def action_next_view(self) -> None:
        following: dict[View, View] = {"plan": "lore", "lore": "facts", "facts": "plan"}
        self._view = following[self._view]
        self._draw()

    def action_choose(self) -> None:
        self.listing.action_select()

    def action_text(self) -> None:
        if text := str(self._shown.get("text") or ""):
            self.app.push_screen(Reading(tr("The whole prompt"), text, str(self._shown.get("template") or "")))

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if self._view == "plan":
            segment = (self._shown.get("segments") or ())[event.option_index]
            told = notice_text(segment.get("why"))
            text = str(segment.get("text") or "")
            self.app.push_screen(Reading(source_words(segment, self._ids()), f"{told}\n\n{text}" if told else text))


async def plan_of(line: Link, chat: str, head: str | None) -> tuple[Mapping[str, Any], str]:
    """The plan of the next turn, and ""; where even its fixed part does not fit, what that is made of, and why not.
    Raises TraktirError when there is no plan at all."""
    try:
        return await line.call("prompt.show", chat=chat, head=head), ""
    except PromptTooLong as error:
        details = error.details
        segments = sorted(details.get("segments") or (), key=lambda s: -int(s.get("tokens") or 0))
        shown = {"segments": segments, "tokens": details.get("needed"), "context": details.get("context")}
        return shown, sentence(error)


def plan_size(shown: Mapping[str, Any], *, reuse: bool = True) -> str:
    """`2,914 of 8,192 · 2,870 reused`, as far as it is known; without the second part if `reuse` is False."""
    if not shown.get("tokens"):
        return ""
    told = thousands(int(shown["tokens"]))
    if shown.get("context"):
        told = tr("{used} of {all}", used=told, all=thousands(int(shown["context"])))
    if reuse and shown.get("expected_reuse") is not None:
        told += " · " + tr("{n} reused", n=thousands(int(shown["expected_reuse"])))
    return told


def source_words(segment: Mapping[str, Any], path: Sequence[str] = ()) -> str:
    """Where a segment comes from, in words. `path` holds the ids of the messages on view, for their numbers."""
    source = str(segment.get("source") or "")
    kind, _, rest = source.partition(":")
    known = {
        "system": tr("system prompt"),
        "story": tr("story string"),
        "template": tr("signs of the prompt format"),
        "card.description": tr("card: description"),
        "card.personality": tr("card: personality"),
        "card.scenario": tr("card: scenario"),
        "card.system": tr("card: system prompt"),
        "card.note": tr("card: note"),
        "persona": tr("persona"),
        "note": tr("author's note"),
        "post_history": tr("after the history"),
        "prefill": tr("start of the reply"),
    }
    if source in known:
        return known[source]
    if kind in ("message", "messages"):
        return _messages(rest.split(":"), str(segment.get("name") or ""), path)
    if kind == "lore":
        return tr("lore: {name}", name=rest.replace(":", " "))
    if kind == "example":
        return tr("example {n}", n=int(rest) + 1 if rest.isdecimal() else rest)
    return tr("summary") if kind == "summary" else source


def _messages(ids: Sequence[str], name: str, path: Sequence[str]) -> str:
    numbers = [path.index(node) + 1 for node in ids if node in path]
    if len(ids) == 2:
        if len(numbers) == 2:
            return tr("messages {first} to {last}", first=numbers[0], last=numbers[1])
        return tr("earlier messages")
    return f"#{numbers[0]} {name}".rstrip() if numbers else name or tr("message")


def segment_lines(segments: Sequence[Mapping[str, Any]], path: Sequence[str] = ()) -> list[Line]:
    """A plan as lines, in prompt order: source, tokens, volatility, reuse; left-out ones say why."""
    lines = []
    for number, segment in enumerate(segments):
        included = bool(segment.get("included", True))
        words = [volatility_word(str(segment.get("volatility") or ""))]
        if included and segment.get("reused"):
            words.append(tr("reused"))
        detail = f"{' · '.join(w for w in words if w)}  {int(segment.get('tokens') or 0):>5}"
        why = notice_text(segment.get("why"))
        note = (why or tr("left out")) if not included else why or str(segment.get("text") or "")
        lines.append(
            Line(
                str(number + 1),
                source_words(segment, path),
                detail,
                note,
                mark="" if included else BROKEN,
                faint=not included,
            )
        )
    return lines


def volatility_word(volatility: str) -> str:
    return {"head": tr("head"), "memory": tr("memory"), "history": tr("history"), "tail": tr("tail")}.get(
        volatility, volatility
    )


def fact_lines(generation: Mapping[str, Any], shown: Mapping[str, Any], path: Sequence[str] = ()) -> list[Line]:
    """Numbers and names as lines: those of the generation record, or of the plan."""
    labels = {
        "backend": tr("Backend"),
        "dialect": tr("Backend"),
        "model": tr("Model"),
        "profile": tr("Profile"),
        "template": tr("Prompt format"),
        "found_by": tr("How the format was found"),
        "template_found_by": tr("How the format was found"),
        "seconds": tr("Seconds it took"),
        "stop_string": tr("Stopped at"),
        "clamped": tr("Values brought into the backend's range"),
        "miss": tr("Why less was reused"),
        "error": tr("What went wrong"),
        "preset": tr("Sampler preset"),
        "seed": tr("Seed"),
        "prompt_tokens": tr("Prompt tokens"),
        "cached_tokens": tr("Reused by the backend"),
        "expected_reuse": tr("Reuse that was expected"),
        "completion_tokens": tr("Tokens of the reply"),
        "tokens_per_second": tr("Tokens a second"),
        "ttft_ms": tr("Milliseconds to the first token"),
        "finish": tr("How it ended"),
        "dropped": tr("Samplers that the backend does not know"),
        "first_change": tr("First segment that differs"),
        "reserve": tr("Kept free for the reply"),
        "context": tr("Context"),
        "tokens": tr("Prompt tokens"),
        "stops": tr("Stops at"),
        "samplers": tr("Samplers"),
    }
    source = generation or {k: v for k, v in shown.items() if k not in ("segments", "lore", "text", "notices", "state")}
    lines = []
    for name, value in flat(source):
        text = value_text(value)
        if name == "first_change" and text:
            text = source_words({"source": text}, path)
        elif name in ("found_by", "template_found_by"):
            text = found_by_words(text)
        elif name == "miss" and isinstance(value, Mapping):
            text = notice_text(value.get("notice"))
        elif name == "error" and isinstance(value, Mapping):
            text = sentence(TraktirError.from_json(value))
        if text:
            long = len(text) > 30
            lines.append(Line(name, labels.get(name, name), "" if long else text, text if long else "", wrap=True))
    return lines


def flat(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Pairs of a record, those of usage and timings pulled up one level."""
    pairs: list[tuple[str, Any]] = []
    for name, value in values.items():
        if name in ("usage", "timings") and isinstance(value, Mapping):
            pairs.extend(flat(value))
        else:
            pairs.append((name, value))
    return list(dict(pairs).items())


def value_text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {value_text(v)}" for k, v in value.items() if value_text(v))
    if isinstance(value, (list, tuple)):
        return ", ".join(repr(v) if isinstance(v, str) else value_text(v) for v in value)
    return "" if value is None else rounded(value)
