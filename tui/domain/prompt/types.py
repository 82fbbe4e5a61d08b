"""What goes into a plan and what comes out of it. A prompt is a plan before it is a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tui.domain.backend import Piece
from tui.domain.card import Card
from tui.domain.chat import Node, Role, Summary
from tui.domain.lore import Lorebook, LoreSource, TurnKind
from tui.domain.notice import Notice
from tui.domain.profile import PromptPreset
from tui.domain.recall import Recollection
from tui.domain.template import Template

#: Uids are numbers in most books; then they are numbers in what we tell, too.
_NUMBER = re.compile(r"0|[1-9][0-9]{0,14}")

Volatility = Literal["head", "memory", "history", "tail"]
#: Tokens of a text by the model's tokenizer, without BOS.
Counter = Callable[[str], int]
#: Whether a pattern `/…/flags` (untrusted) occurs in a text; runs elsewhere, with a deadline.
Matcher = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of the plan, in prompt order.

    `source` says where it comes from: `template` (no text: what the format itself costs), `system`, `story`,
    `card.description`, `card.personality`, `card.scenario`, `persona`, `lore:BOOK:UID`, `example:N`, `pin:ID`,
    `summary:ID`, `recall:NODE` (what that message called up), `note`, `card.note`, `message:NODE`,
    `messages:FIRST:LAST` (left out for one reason, without their texts), `post_history`, `prefill`. `why` says why it
    is not `included`, or what happened to it. `tokens` counts the format's wrapping of a turn too. `block` groups
    neighbours that are rendered as one turn (the head is one system text); the included texts of a block, put one after
    the other, are that turn's text. In the compatible mode `pieces` is exactly what stands in the prompt, the format's
    literals among it.
    """

    source: str
    role: Role
    text: str
    tokens: int
    volatility: Volatility
    name: str = ""
    block: str = ""
    depth: int | None = None
    included: bool = True
    why: Notice | None = None
    reused: bool | None = None                    # expected to be in the backend's cache
    pieces: tuple[Piece, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source, "role": self.role, "text": self.text, "tokens": self.tokens,
            "volatility": self.volatility, "name": self.name, "depth": self.depth, "included": self.included,
            "why": self.why.to_json() if self.why else None, "reused": self.reused,
        }


@dataclass(frozen=True, slots=True)
class LoreHit:
    """What happened to one lore entry in a scan. `message` counts from the end, 0 the newest."""

    book: str
    uid: str
    comment: str
    fired: bool
    key: str = ""
    message: int | None = None
    snippet: str = ""
    position: str = ""
    depth: int | None = None
    order: int = 0
    tokens: int = 0
    text: str = ""
    role: Role = "system"
    constant: bool = False
    why: Notice | None = None
    parent: str = ""                              # BOOK:UID of the entry whose text held the key
    dice: int | None = None                       # what was rolled (0..99), where there was something to roll for
    timers: Mapping[str, int] = field(default_factory=dict)  # sticky, cooldown, delay: messages left
    group: str = ""                               # the inclusion group that decided
    dropped_by: str = ""                          # the budget that had no room: "lore", "cap", "book", "window"
    outlet: str = ""
    anchored: bool = False
    digest: str = ""                              # of the entry as it is; another one after an edit
    stable: bool = False                          # fires on every turn, so it may stand in the head

    def to_json(self) -> dict[str, Any]:
        uid = int(self.uid) if _NUMBER.fullmatch(self.uid) else self.uid
        return {
            "book": self.book, "uid": uid, "comment": self.comment, "fired": self.fired, "key": self.key,
            "message": self.message, "snippet": self.snippet, "position": self.position, "depth": self.depth,
            "order": self.order, "tokens": self.tokens, "why": self.why.to_json() if self.why else None,
            "parent": self.parent, "dice": self.dice, "timers": dict(self.timers), "group": self.group,
            "dropped_by": self.dropped_by, "outlet": self.outlet, "anchored": self.anchored,
        }


@dataclass(frozen=True, slots=True)
class Anchored:
    """A lore entry that stands in history: before the user's message `node`, with its text of that moment. The author's
    note and what was recalled stand there in the same way."""

    book: str
    uid: str
    node: str
    text: str
    role: Role = "system"
    digest: str = ""
    comment: str = ""
    order: int = 0


@dataclass(frozen=True, slots=True)
class Recalled:
    """A passage that was found: on this turn, or earlier and standing still (`text` is then in its segment alone).
    `segment` is the source of the segment that it is in, "" where it found no room (`why`). `score` is its share of
    the score of the best (0..1), `words` are those that it shares with what was said, `likeness` is that of its
    meaning."""

    kind: str
    source: str
    name: str
    score: float
    words: tuple[str, ...] = ()
    likeness: float | None = None
    text: str = ""
    segment: str = ""
    why: Notice | None = None

    def to_json(self) -> dict[str, Any]:
        why = self.why.to_json() if self.why else None
        return {**asdict(self), "words": list(self.words), "why": why}


@dataclass(frozen=True, slots=True)
class LoreTimer:
    """A timed effect (SillyTavern's `timedWorldInfo`). `start` and `end` are lengths of the chat in messages; the
    effect is over at `end`, and gone when the chat shrank to `start` (unless `protected`) or the entry's `digest`
    changed."""

    book: str
    uid: str
    kind: Literal["sticky", "cooldown"]
    start: int
    end: int
    digest: str = ""
    protected: bool = False


@dataclass(frozen=True, slots=True)
class PlanState:
    """What the next plan must know of this one; stored with the node the turn made, so each branch has its own.

    `anchor`: id of the first node of history that is in the prompt (None: from the beginning).
    `frozen`: values of time and random macros in the head, by macro text and place.
    `examples`: whether example dialogue is still in the prompt.
    `rendered`: (source, digest) of each segment of the last prompt, for the cache forecast.
    `anchored`: lore that stands in history. `timers`: timed lore effects. `variables`: the chat's macro variables.
    `memory`: ids of the summaries that have entered the prompt, though room may be lacking for some. `skipped`: the
    last reply to the newest message that was left out, where those alone were more than the window holds.
    """

    anchor: str | None = None
    frozen: Mapping[str, str] = field(default_factory=dict)
    examples: bool = True
    rendered: tuple[tuple[str, str], ...] = ()
    anchored: tuple[Anchored, ...] = ()
    timers: tuple[LoreTimer, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    memory: tuple[str, ...] = ()
    skipped: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "anchor": self.anchor, "frozen": dict(self.frozen), "examples": self.examples,
            "rendered": [list(r) for r in self.rendered], "anchored": [asdict(a) for a in self.anchored],
            "timers": [asdict(t) for t in self.timers], "variables": dict(self.variables), "memory": list(self.memory),
            "skipped": self.skipped,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PlanState:
        return cls(
            data.get("anchor"), dict(data.get("frozen") or {}), bool(data.get("examples", True)),
            tuple((str(s), str(d)) for s, d in data.get("rendered") or ()),
            tuple(Anchored(**a) for a in data.get("anchored") or ()),
            tuple(LoreTimer(**t) for t in data.get("timers") or ()),
            dict(data.get("variables") or {}), tuple(data.get("memory") or ()), data.get("skipped"),
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """Tokens: the model's whole window, and what is kept free for the reply (or a side job, the larger)."""

    context: int
    reserve: int


NotePosition = Literal["after_story", "at_depth", "before_story", "anchored"]
PersonaPosition = Literal["head", "note_top", "note_bottom", "at_depth", "none"]


@dataclass(frozen=True, slots=True)
class Injection:
    """A text put into the prompt from outside card and chat (SillyTavern's `/inject`)."""

    id: str
    text: str
    position: Literal["before", "after", "at_depth", "none"] = "at_depth"
    depth: int = 4
    role: Role = "system"
    scan: bool = False                            # lore looks for its keys in it too


@dataclass(frozen=True, slots=True)
class Pin:
    """A fact that the person has pinned: it stands in every prompt. `node` is the message that it was taken from."""

    id: str
    text: str
    node: str = ""


@dataclass(frozen=True, slots=True)
class MemoryLimits:
    """Shares (0..1) of the window beside the reserve: what memory may take as a whole (pinned facts, summaries and what
    is recalled), and what of that is for recalling. `passages` is how many a turn recalls at most; `documents` are
    the ids of those that the chat has."""

    whole: float = 1.0
    recall: float = 0.0
    passages: int = 4
    documents: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Cast:
    """A group chat. `members` in the group's order, the speaker among them (the turn's `card` is the speaker's).
    `join` puts the cards of all members into the head, each text between `prefix` and `suffix` (`<FIELDNAME>` stands
    for the field's name); otherwise only the speaker's card is there."""

    members: tuple[Card, ...]
    muted: frozenset[str] = frozenset()           # by display name
    join: bool = False
    with_muted: bool = False
    prefix: str = ""
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """Everything a plan is made of. `path` is the visible path, deleted nodes left out, up to and including what the
    reply answers; with `prefill` the reply starts with that text (continue: the text so far). `kind` is what is asked
    for: with `impersonate` the person's next message is written, with `quiet` the answer to `instruction`."""

    path: Sequence[Node]
    card: Card
    user: str                                     # the person's name
    persona: str                                  # the person's description
    prompt: PromptPreset
    template: Template
    budget: Budget
    books: Sequence[Lorebook] = ()
    summaries: Sequence[Summary] = ()
    pins: Sequence[Pin] = ()
    recall: Sequence[Recollection] = ()           # what may be recalled of what is not in the prompt, the best first
    limits: MemoryLimits = MemoryLimits()
    note: str = ""
    note_depth: int = 4
    note_role: Role = "system"
    prefill: str = ""
    state: PlanState = PlanState()
    clock: str = ""                               # ISO 8601, local; for time macros
    seed: int = 0                                 # for random macros
    mode: str = ""                                # one of the format's named modes (nothink, …)
    group: bool = False                           # several characters speak
    kind: TurnKind = "normal"
    instruction: str = ""                         # a quiet request's own text, or guidance for an impersonation
    cast: Cast | None = None                      # who else is in a group chat
    character: str = ""                           # the name of the card's file, by which lore may know it
    sources: Mapping[str, LoreSource] = field(default_factory=dict)  # where each book (by id) comes from
    note_interval: int = 1                        # every so many of the person's messages; 0: never
    note_position: NotePosition = "at_depth"
    persona_position: PersonaPosition = "head"
    persona_depth: int = 2
    persona_role: Role = "system"
    scenario: str | None = None                   # the chat's own, over the card's
    mes_example: str | None = None
    injections: Sequence[Injection] = ()
    globals: Mapping[str, str] = field(default_factory=dict)  # macro variables that all chats share
    facts: Mapping[str, str] = field(default_factory=dict)    # further macro values, by lower-case name
    reasoning_added: int = 0                      # newest replies whose thoughts stand in the prompt
    sibling: PlanState | None = None              # of another reply to the same message: what it fired is used again
    cuttable: bool = True                         # the backend's cache can be cut in the middle
    as_messages: bool = False                     # the backend writes the prompt itself, from messages
    cut_ahead: tuple[str, ...] = ()               # messages that were cut before this turn, in view of it
    side_job: bool = False                        # the beginning of a reply's prompt, for something else after it
    fresh_macros: bool = False                    # resolve the frozen macros of the head again


@dataclass(frozen=True, slots=True)
class Plan:
    """Segments in prompt order (left-out ones among them, `included` False), and the state for the next plan.

    `cut` lists the node ids that left history with this plan (a summary may be offered for them); `tokens` is the sum
    over what is included, template overhead and opener too; `stops` are turn delimiters and speakers' names.
    `globals` are macro variables shared by all chats that this plan set."""

    segments: tuple[Segment, ...]
    state: PlanState
    lore: tuple[LoreHit, ...]
    stops: tuple[str, ...]
    tokens: int
    expected_reuse: int
    cut: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()
    first_change: str = ""                        # source of the first segment that differs from the last prompt
    rebase: bool = False                          # the beginning of history moved, or example dialogue came or went
    globals: Mapping[str, str] | None = None      # macro variables of all chats, where this plan changed them
    recalled: tuple[Recalled, ...] = ()           # passages in the prompt, and the next best of this turn
    moving: int = 0                               # tokens processed anew on each turn because of what stands at a depth
