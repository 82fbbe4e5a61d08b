"""Which prompt format a model wants, from its own chat template (untrusted, only looked at) and its name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from tui.domain.notice import Notice, notice
from tui.domain.template import Template

FoundBy = Literal["sha256", "rules", "name", ""]


@dataclass(frozen=True, slots=True)
class Choice:
    """A format and how it was found, or None; `why` tells either in a sentence."""

    template: Template | None
    found_by: FoundBy
    why: Notice


def choose_template(templates: Sequence[Template], *, jinja: str = "", name: str = "") -> Choice:
    """Choose by the hash of the model's template, then by strings that occur in it, then by the model's name.

    Of several formats whose rules hold, the one that asks for most is taken; if that leaves a tie, none is.
    The name counts only where there is no template: a template that nobody knows is not guessed at.
    """
    if jinja.strip("\0 \n"):
        return _by_hash(templates, jinja) or _by_rules(templates, jinja)
    return _by_name(templates, name)


def template_hashes(jinja: str) -> frozenset[str]:
    """sha256 of a template as it is, without the NUL that some servers put at its end, and stripped."""
    plain = jinja.rstrip("\0")
    return frozenset(
        hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in (jinja, plain, plain.strip())
    )


def _by_hash(templates: Sequence[Template], jinja: str) -> Choice | None:
    hashes = template_hashes(jinja)
    found = next((t for t in templates if not hashes.isdisjoint(t.detect.sha256)), None)
    if found is None:
        return None
    return Choice(found, "sha256", notice("The model's own template is that of {template}.", template=_label(found)))


def _by_rules(templates: Sequence[Template], jinja: str) -> Choice:
    text = jinja.replace("\\n", "\n")
    fitting = [
        (len(t.detect.all), t) for t in templates
        if t.detect.all and all(_plain(s) in text for s in t.detect.all)
        and not any(_plain(s) in text for s in t.detect.none)
    ]
    best = _best(fitting)
    if len(best) == 1:
        marks = ", ".join(best[0].detect.all)
        sentence = "The model's own template holds the marks of {template}: {marks}."
        return Choice(best[0], "rules", notice(sentence, template=_label(best[0]), marks=marks))
    if best:
        names = ", ".join(_label(t) for t in best)
        return Choice(None, "", notice("The model's own template fits several prompt formats: {names}.", names=names))
    return Choice(None, "", Notice("The model's own template is none of the prompt formats known here."))


def _by_name(templates: Sequence[Template], name: str) -> Choice:
    words = _words(name)
    if not words:
        return Choice(None, "", Notice("The model tells neither a template nor its name."))
    fitting = [(len(word), t) for t in templates for word in t.detect.name if _holds(words, _words(word))]
    best = _best(fitting)
    if len(best) == 1:
        sentence = "The model tells no template; its name, {name}, speaks for {template}."
        return Choice(best[0], "name", notice(sentence, name=name, template=_label(best[0])))
    if best:
        names = ", ".join(_label(t) for t in best)
        return Choice(None, "", notice("The model tells no template, and its name fits several: {names}.", names=names))
    return Choice(None, "", notice("The model tells no template, and its name, {name}, is not known here.", name=name))


def _best(fitting: Iterable[tuple[int, Template]]) -> list[Template]:
    """Those with the highest score, each once."""
    scored = list(fitting)
    top = max((score for score, _ in scored), default=0)
    return list({t.id: t for score, t in scored if score == top}.values())


def _words(name: str) -> str:
    """A name in lower case, whatever parts its words made a `-`."""
    return re.sub(r"[^\w.]+|_", "-", name.casefold()).strip("-.")


def _holds(name: str, word: str) -> bool:
    """Whether a word of the table stands in a name, not inside a longer word; `qwen2` does in `qwen2.5-7b`."""
    return bool(word) and re.search(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", name) is not None


def _plain(mark: str) -> str:
    return mark.replace("\\n", "\n")


def _label(template: Template) -> str:
    return template.label or template.id
