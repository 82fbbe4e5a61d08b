"""F5: the plan of the next turn, or of a reply that was made: every stretch of the prompt with its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input, OptionList

from tui.domain.errors import PromptTooLong
from tui.i18n import tr
from tui.ui.host import Link, host, link, open_chat_of
from tui.ui.keys import INSPECTOR_BINDINGS
from tui.ui.remembering import go_to_message
from tui.ui.screens.difflines import difference_rows, difference_text, macro_rows, where_words
from tui.ui.screens.inspector_parts import SearchLine, ShareBar, ViewTabs
from tui.ui.screens.lorelines import FILTERS, Filter, filter_words, hit_text, hit_title, lore_rows
from tui.ui.screens.page import Hint, Page, notice_text, sentence
from tui.ui.screens.planfacts import number_lines, plan_size
from tui.ui.screens.reading import Reading
from tui.ui.screens.recalled import RecalledPage
from tui.ui.screens.segments import Row, found, lore_names, segment_rows, segment_text, shares, source_words, visible
from tui.ui.widgets.listing import Line, Listing
from tui.ui.words import BROKEN

View = Literal["plan", "difference", "lore", "macros", "numbers"]
VIEWS: tuple[View, ...] = ("plan", "difference", "lore", "macros", "numbers")
#: Cells of a list from which on the kind of a segment stands beside it, and rows of a screen up to which every entry
#: of a list takes one row.
_WIDE, _BRIEF = 72, 23


class Inspector(Page):
    """Tab walks through the views. Enter opens what a line stands for, Space a fold, `/` looks for a text."""

    BINDINGS = [*INSPECTOR_BINDINGS]  # noqa: RUF012
    DEFAULT_CSS = """
    Inspector.-short ViewTabs, Inspector.-short ShareBar #legend { display: none; }
    Inspector.-tall ShareBar { margin-bottom: 1; }
    Inspector Listing > .option-list--option-highlighted {
        color: $block-cursor-foreground; background: $block-cursor-background; text-style: $block-cursor-text-style;
    }
    """

    def __init__(self, node: str | None = None, revision: str = "", view: View = "plan") -> None:
        super().__init__()
        self._node, self._revision, self._view = node, revision, view
        self._shown: Mapping[str, Any] = {}
        self._generation: Mapping[str, Any] = {}
        self._filter: Filter = "all"
        self._opened: set[str] = set()
        self._query = ""
        self._rows: list[Row] = []

    # ------------------------------------------------------------------ what stands on the screen

    def heading(self) -> str:
        if self._view == "difference":
            return tr("What changed since the prompt before")
        if self._view == "lore":
            return tr("Lore: what fired and why")
        if self._view == "macros":
            return tr("Macros that keep their value")
        if self._view == "numbers":
            return tr("How this reply was made") if self._node else tr("The next prompt in numbers")
        return tr("What was sent for this reply") if self._node else tr("What the next turn sends")

    def hints(self) -> Sequence[Hint]:
        if isinstance(self.focused, SearchLine):
            return (Hint("Enter", tr("go there"), "end_search"), Hint("Esc", tr("end the search"), "drop_search"))
        following = VIEWS[(VIEWS.index(self._view) + 1) % len(VIEWS)]
        hints = [Hint("Enter", tr("text"), "choose")] if self._view != "numbers" else []
        if self._view == "macros" and self._node is None and self._shown.get("frozen"):
            hints.insert(0, Hint("m", tr("resolve again"), "thaw"))
        hints.append(Hint("Tab", view_word(following), "next_view"))
        if self._view == "lore":
            hints.append(Hint("f", tr("filter"), "filter"))
        hints.append(Hint("n", tr("next"), "next_found") if self._query else Hint("/", tr("search"), "search"))
        if self._view == "plan":
            hints.append(Hint("Space", tr("fold"), "fold"))
        hints.append(self.back_hint())
        if self._view == "plan" and self._shown.get("text"):
            hints.append(Hint("t", tr("whole prompt"), "text"))
        return hints

    def tabs(self) -> ComposeResult:
        yield ViewTabs([(view, view_word(view)) for view in VIEWS], self._view)

    def body(self) -> ComposeResult:
        yield ShareBar()
        yield Listing()
        yield SearchLine()

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
        got = await self.call("node.generation", chat=chat.id, node=self._node, revision=self._revision)
        self._generation, self._shown = got.get("generation") or {}, got.get("plan") or {}
        self._draw()

    def hear(self, event: Mapping[str, Any]) -> None:
        """A turn that ends while this is on view makes another next prompt."""
        chat = host(self.app).state.chat
        done = event.get("type") == "turn" and event.get("state") == "done"
        if done and self._node is None and chat is not None and event.get("chat") == chat.id:
            self.start(self._plan(chat.id))

    async def _plan(self, chat_id: str) -> None:
        self._shown, problem = await plan_of(link(self.app), chat_id, host(self.app).state.head)
        self._draw()
        if problem:
            self.say(problem, problem=True)

    def on_resize(self) -> None:
        if self._rows:
            self._draw(keep=True)

    def _draw(self, *, keep: bool = False) -> None:
        detail = plan_size(self._shown) if self._view != "lore" else filter_words(self._filter)
        self.head(detail)
        self.redraw_hints()
        self.query_one(ViewTabs).turn_to(self._view)
        bar = self.query_one(ShareBar)
        bar.display = self._view in ("plan", "numbers") and bool(self._shown.get("segments"))
        bar.show(shares(self._shown.get("segments") or ()), int(self._shown.get("context") or 0),
                 int(self._shown.get("reserve") or 0))
        self._rows = self._rows_of(self._view)
        lines = visible(self._rows, self._opened)
        self.say("" if lines else self._nothing())
        self.listing.show(lines, keep=keep)

    def _rows_of(self, view: View) -> list[Row]:
        names, ids = lore_names(self._shown.get("lore") or ()), self._ids()
        brief = self.app.size.height <= _BRIEF
        if view == "difference":
            departs = self._shown.get("difference")
            return difference_rows(departs, ids, names) if departs else []
        if view == "lore":
            return lore_rows(self._shown.get("lore") or (), self._filter, brief=brief)
        if view == "macros":
            return macro_rows(self._shown)
        if view == "numbers":
            return [Row(line) for line in number_lines(self._generation, self._shown, ids)]
        told = [notice_text(n) for n in self._shown.get("notices") or ()]
        notices = [Row(Line(f"notice:{n}", text, mark=BROKEN, wrap=True)) for n, text in enumerate(told)]
        return notices + segment_rows(
            self._shown.get("segments") or (), ids, names, opened=self._opened, query=self._query, brief=brief,
            wide=self.app.size.width >= _WIDE,
        )

    def _nothing(self) -> str:
        """Why a view is empty."""
        kept = bool(self._shown.get("segments"))
        if self._view == "lore":
            if self._shown.get("lore"):
                return tr("No entry is of that kind; f shows others.")
            return tr("No lorebook entry was looked at: neither the card nor the chat has a lorebook.")
        if self._view == "difference" and kept:
            return tr("Nothing differs: the prompt only goes on where the last one ended, or it is the first.")
        if self._view == "macros" and kept:
            return tr("No time or chance macro stands in the stable part of the prompt, and there are no variables.")
        if self._view == "numbers":
            return tr("Nothing is known of how this text was made: a person wrote it.")
        return tr("No plan was kept for this message: a person wrote it, or it came with an import.")

    def _ids(self) -> list[str]:
        return [node.id for node in open_chat_of(self.app).path(host(self.app).state.head)]

    # ------------------------------------------------------------------ views and folds

    def action_next_view(self, step: int = 1) -> None:
        self.action_view(VIEWS[(VIEWS.index(self._view) + step) % len(VIEWS)])

    def action_view(self, view: View) -> None:
        self._view = view
        self._draw()

    def action_filter(self) -> None:
        """All entries, those that fired, those that did not."""
        if self._view == "lore":
            self._filter = FILTERS[(FILTERS.index(self._filter) + 1) % len(FILTERS)]
            self._draw()

    def action_fold(self) -> None:
        """Open or close the fold under the cursor."""
        line = self.listing.chosen
        row = next((row for row in self._rows if line is not None and row.line.id == line.id), None)
        if row is not None and row.run:
            self._opened ^= {row.run}
            self._draw(keep=True)
            self.listing.go_to(row.run)

    def action_choose(self) -> None:
        self.listing.action_select()

    def action_text(self) -> None:
        if text := str(self._shown.get("text") or ""):
            self.app.push_screen(
                Reading(tr("The whole prompt"), text, str(self._shown.get("template") or ""), query=self._query)
            )

    def action_thaw(self) -> None:
        """In the view of the macros, resolve them again; from elsewhere, go there first."""
        if self._view != "macros":
            self.action_view("macros")
        elif self._node is None:
            self.start(self._thaw())

    async def _thaw(self) -> None:
        if not self._shown.get("frozen"):
            return
        chat = open_chat_of(self.app)
        await self.call("prompt.thaw", chat=chat.id)
        await self._plan(chat.id)
        self.say(
            tr("The next turn resolves these again; what stands after the first of them is then processed anew.")
        )

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        line = self.listing.chosen
        if line is None:
            return
        if line.id.startswith("run:"):
            self.action_fold()
        elif line.id.startswith("notice:"):
            self._read(self.heading(), line.title)
        elif self._view == "plan":
            self._read_segment((self._shown.get("segments") or ())[int(line.id) - 1])
        elif self._view == "lore":
            hits = self._shown.get("lore") or ()
            hit = hits[int(line.id) - 1]
            self.app.push_screen(Reading(hit_title(hit), hit_text(hit, hits)))
        elif self._view == "difference":
            departs = self._shown["difference"]
            where = where_words(departs, self._ids(), lore_names(self._shown.get("lore") or ()))
            self.app.push_screen(Reading(where, difference_text(departs), query=self._query))
        elif self._view == "macros":
            self._read(line.title, f"{line.title} = {line.detail}\n\n{line.note}".rstrip())

    def _read(self, title: str, text: str) -> None:
        self.app.push_screen(Reading(title, text, query=self._query))

    def action_go(self) -> None:
        """Go to the message that the line under the cursor stands for."""
        line = self.listing.chosen
        if self._view != "plan" or line is None or not line.id.isdecimal():
            return
        kind, _, rest = str((self._shown.get("segments") or ())[int(line.id) - 1].get("source")).partition(":")
        node = rest.partition(":")[0]
        if kind in ("message", "messages", "recall") and node in open_chat_of(self.app).nodes:
            go_to_message(self, node)

    def _read_segment(self, segment: Mapping[str, Any]) -> None:
        source = str(segment.get("source") or "")
        if source.startswith("recall:"):
            told = self._shown.get("recalled") or ()
            mine = [one for one in told if one.get("segment") == source]
            newest = any(one.get("text") for one in mine)
            missed = [one for one in told if newest and not one.get("segment")]
            self.app.push_screen(RecalledPage("", [*mine, *missed], str(segment.get("text") or "")))
            return
        title = source_words(segment, self._ids(), lore_names(self._shown.get("lore") or ()))
        self.app.push_screen(Reading(title, segment_text(segment), query=self._query))

    # ------------------------------------------------------------------ search

    def action_search(self) -> None:
        self.query_one(SearchLine).begin(self._query)
        self.call_after_refresh(self.redraw_hints)

    def action_end_search(self) -> None:
        """Back to the lines, with what was found."""
        self.query_one(SearchLine).display = False
        self.listing.focus()
        self.call_after_refresh(self.redraw_hints)

    def action_drop_search(self) -> None:
        self.query_one(SearchLine).action_leave()

    def action_next_found(self) -> None:
        self.action_next_hit(1)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._query = event.value.strip()
        self._draw(keep=True)
        self.action_next_hit(0)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_end_search()

    @on(SearchLine.Left)
    def _search_left(self, event: SearchLine.Left) -> None:
        event.stop()
        self._query = ""
        self._draw(keep=True)
        self.action_end_search()

    def action_next_hit(self, step: int) -> None:
        """To the next line that holds what is searched for; 0: to the first from the cursor on."""
        if not self._query:
            return
        hits = [row for row in self._rows if not row.heads and row.line.id and self._holds(row)]
        if not hits:
            self.say(tr("“{query}” occurs nowhere here.", query=self._query))
            return
        row = hits[self._following(hits, step)]
        if row.run and row.run not in self._opened:
            self._opened.add(row.run)
            self._draw(keep=True)
        self.listing.go_to(row.line.id)
        self.head(tr("{used} of {all}", used=hits.index(row) + 1, all=len(hits)))

    def _following(self, hits: Sequence[Row], step: int) -> int:
        """Which of the hits comes next, from the line under the cursor."""
        order = {row.line.id: at for at, row in enumerate(self._rows)}
        line = self.listing.chosen
        here = order.get(line.id, 0) if line is not None else 0
        places = [order[row.line.id] for row in hits]
        if step < 0:
            return max((n for n, at in enumerate(places) if at < here), default=len(hits) - 1)
        return min((n for n, at in enumerate(places) if (at > here if step else at >= here)), default=0)

    def _holds(self, row: Row) -> bool:
        return found(self._query, row.line.title) or found(self._query, row.text or row.line.note)


def view_word(view: str) -> str:
    return {
        "plan": tr("plan"), "difference": tr("changes"), "lore": tr("lore"), "macros": tr("macros"),
        "numbers": tr("numbers"),
    }[view]


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
