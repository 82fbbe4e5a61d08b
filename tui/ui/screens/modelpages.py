"""One model in detail, with its fit at a few contexts; and one repository of the Hugging Face hub with what it has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.domain.cleantext import clean, clean_line
from tui.i18n import tr
from tui.ui.screens.choosing import ChoicePage
from tui.ui.screens.confirm import confirm
from tui.ui.screens.page import Hint, Page, notice_text
from tui.ui.widgets.listing import Line
from tui.ui.words import BROKEN, size, thousands

_REPOSITORY = re.compile(
    r"(?:(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/)?[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(?::[\w.-]*)?",
    re.ASCII,
)
_COLOURS = {"fits": "$success", "tight": "$warning", "too_large": "$error"}
_NAMES = 18


def is_repository(text: str) -> bool:
    """Whether what is typed may name a repository of the hub."""
    return bool(_REPOSITORY.fullmatch(text.strip()))


def fit_word(verdict: str) -> str:
    """A verdict in a word or two."""
    return {
        "fits": tr("fits"), "tight": tr("just fits"), "too_large": tr("too large for the memory here"),
    }.get(verdict, tr("free memory unknown"))


class ModelDetails(Page):
    """Dismisses with "use" or "removed", else None."""

    BINDINGS = [  # noqa: RUF012
        Binding("enter", "use", show=False), Binding("delete", "remove", show=False),
        Binding("left", "back", show=False, priority=True),
    ]

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def heading(self) -> str:
        return clean_line(self._path.rpartition("/")[2].removesuffix(".gguf"), 200)

    def hints(self) -> Sequence[Hint]:
        return (Hint("Enter", tr("use"), "use"), self.back_hint(), Hint("Del", tr("delete the file"), "remove"))

    def body(self) -> ComposeResult:
        with VerticalScroll(classes="reading"):
            yield Static(id="facts", markup=False)

    async def load(self) -> None:
        self.say(tr("Reading the file…"))
        found = await self.call("models.describe", path=self._path)
        self.say("")
        self.head(size(int(found["about"].get("size") or 0)))
        self.query_one("#facts", Static).update(details(found, self.size.width))
        self.query_one(VerticalScroll).focus()

    def action_use(self) -> None:
        self.dismiss("use")

    def action_remove(self) -> None:
        self.start(self._remove())

    async def _remove(self) -> None:
        going = await self.call("models.remove", path=self._path)
        told = tr(
            "{count} files, {size}. It cannot be undone; only a new download brings them back.",
            count=len(going["files"]), size=size(int(going["size"])),
        )
        if await confirm(self.app, tr("Delete {file}?", file=self.heading()), told, tr("Delete it")):
            await self.call("models.remove", path=self._path, really=True)
            self.dismiss("removed")


def details(found: Mapping[str, Any], width: int) -> Content:
    """Advice first, then memory at a few contexts, then what the file says of itself."""
    fit = found["fit"]
    verdict = str(fit["verdict"])
    parts: list[Content] = [
        Content.styled(notice_text(fit["advice"]), f"bold {_COLOURS.get(verdict, '')}".strip()), Content("\n\n"),
        *_memory(found), *_contexts(found["fits"], width), *_facts(found["about"]),
    ]
    return Content("").join(parts)


def _memory(found: Mapping[str, Any]) -> list[Content]:
    fit = found["fit"]
    rows = [
        (tr("weights"), size(fit["weights"])),
        (tr("KV cache"), f"{size(fit['cache'])} · " + tr("{n} tokens", n=thousands(int(fit["context"])))
         + (f" × {fit['windows']}" if fit["windows"] > 1 else "")),
        (tr("computing"), size(fit["compute"])),
    ]
    if fit["free_main"]:
        rows.append((tr("main memory"), f"{_bar(fit['main'], fit['free_main'])} {size(fit['main'])} / "
                                        f"{size(fit['free_main'])}"))
    if fit["free_gpu"]:
        rows.append((found["gpu"] or tr("GPU memory"), f"{_bar(fit['gpu'], fit['free_gpu'])} {size(fit['gpu'])} / "
                                                       f"{size(fit['free_gpu'])}"))
        rows.append((tr("layers on the GPU"), f"{fit['gpu_layers']} / {fit['layers']}"))
    if found["idle_gpu"]:
        rows.append((found["idle_gpu"], tr("there, but this llama.cpp cannot use it; /doctor says more")))
    return [_row(name, value) for name, value in rows] + [Content("\n")]


def _contexts(fits: Sequence[Mapping[str, Any]], width: int) -> list[Content]:
    """A table: what each context takes, and how it is stretched for it."""
    out = [Content.styled(tr("Context and memory"), "bold"), Content("\n")]
    for one in fits:
        rope, verdict = one["rope"], str(one["verdict"])
        stretched = ""
        if rope["ratio"] > 1:
            stretched = tr("stretched {ratio}×", ratio=f"{rope['ratio']:g}")
            if width >= 70:
                stretched += f" · rope_freq_base {rope['rope_freq_base']:.0f} · rope_alpha {rope['rope_alpha']:g}"
        out += [
            Content(f"{thousands(int(one['context'])):>9}  {size(int(one['total'])):>8}  "),
            Content.styled(fit_word(verdict), _COLOURS.get(verdict, "")),
            Content.styled(f"  {stretched}" if stretched else "", "dim"), Content("\n"),
        ]
    return [*out, Content("\n")]


def _facts(about: Mapping[str, Any]) -> list[Content]:
    shares = ", ".join(f"{kind} {round(100 * share)} %" for kind, share in about["types"][:4])
    rope = about["rope"] or {}
    scaling = f" · {rope['scaling']} × {rope['factor']:g}" if rope.get("scaling") else ""
    context = about["context_length"]
    rows = [
        (tr("name"), about["name"]), (tr("family"), about["architecture"]),
        (tr("parameters"), _count(about["parameters"]) if about["parameters"] else about["size_label"]),
        (tr("quantisation"), about["quantisation"]),
        (tr("really"), shares and f"{shares} · " + tr("{bits} bits a weight", bits=about["bits_per_weight"])),
        (tr("importance matrix"), about["imatrix_dataset"] or (tr("yes") if about["imatrix"] else "")),
        (tr("trained context"), tr("{n} tokens", n=thousands(int(context))) if context else ""),
        (tr("layers"), about["layers"]), (tr("rope base"), f"{rope['base']:g}{scaling}" if rope else ""),
        (tr("tokenizer"), about["tokenizer"]),
        (tr("prompt format"), tr("it brings its own") if about["chat_template"] else tr("it brings none")),
        (tr("licence"), about["licence"]), (tr("made from"), about["base_model"]), (tr("file"), about["path"]),
    ]
    return [Content.styled(tr("The file"), "bold"), Content("\n"),
            *(_row(name, str(value)) for name, value in rows if value not in (None, ""))]


def _row(name: str, value: str) -> Content:
    return Content.assemble((f"{clean_line(name, 40):{_NAMES}} ", "dim"), clean(value), "\n")


def _bar(part: int, whole: int, width: int = 12) -> str:
    full = min(width, round(width * part / whole)) if whole else 0
    return "█" * full + "░" * (width - full)


def _count(number: int) -> str:
    return f"{number / 1e9:.1f} B" if number >= 1e9 else f"{number / 1e6:.0f} M"


class HubPage(ChoicePage):
    """The quantisations of a repository. Enter downloads one. Dismisses with True when a download was begun."""

    def __init__(self, repo: str) -> None:
        super().__init__()
        self._wanted = repo
        self._repo = ""

    def heading(self) -> str:
        return clean_line(self._repo or self._wanted, 120)

    def hints(self) -> Sequence[Hint]:
        return (Hint("Enter", tr("download"), "choose"), self.back_hint())

    async def load(self) -> None:
        self.focus_search()
        self.say(tr("Asking the hub…"))
        found = await self.call("models.choices", repo=self._wanted)
        self._repo = str(found["repo"])
        self.say("")
        self.head(tr("{n} to choose from", n=len(found["choices"])))
        self.picker.show(choice_lines(found["choices"]))
        if found["quant"]:
            self.picker.query_one("SearchBox").value = str(found["quant"])  # type: ignore[attr-defined]

    def chosen(self, line: Line) -> None:
        self.start(self._pull(line.id))

    async def _pull(self, quant: str) -> None:
        self.say(tr("Asking the hub…"))
        await self.call("models.pull", repo=f"{self._repo}:{quant}")
        self.dismiss(True)


def choice_lines(choices: Sequence[Mapping[str, Any]]) -> list[Line]:
    """What a repository has: quantisation, size, whether it fits. The best that fits is said to be it."""
    whole = [c for c in choices if c.get("fits") and not c.get("missing")]
    best = whole[-1]["quant"] if whole else None
    out = []
    for choice in choices:
        fits, missing = choice.get("fits"), choice.get("missing")
        words = [size(int(choice["size"]))]
        if fits is not None:
            words.append(fit_word("fits" if fits else "too_large"))
        notes = [
            tr("the largest that fits") if choice["quant"] == best else "",
            tr("with an importance matrix") if choice.get("imatrix") else "",
            tr("{n} parts", n=choice["parts"]) if choice["parts"] > 1 else "",
            tr("{file} is missing", file=missing[0]) if missing else "",
        ]
        out.append(Line(
            str(choice["quant"]), str(choice["quant"]), " · ".join(words), " · ".join(n for n in notes if n),
            BROKEN if fits is False or missing else "",
        ))
    return out
