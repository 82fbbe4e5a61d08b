"""Which prompt format a model wants, from its own chat template (untrusted, only looked at), its vocabulary and name.

The order is that of the project's table of formats, section 8: hash of the template, strings in it; without a
template, control tokens of the vocabulary, then words of the name. The family alone never decides.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from tui.domain.notice import Notice, notice
from tui.domain.template import Template

FoundBy = Literal["sha256", "rules", "tokens", "name", ""]


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a file or a server tells of a model. Empty where it does not tell.

    `jinja` is its own chat template; `tokens` are the strings its tokenizer reads as control tokens; `architecture`
    is GGUF's `general.architecture`.
    """

    jinja: str = ""
    name: str = ""
    architecture: str = ""
    tokens: frozenset[str] = frozenset()
    bos: str = ""
    eos: str = ""

    @property
    def has_template(self) -> bool:
        return bool(self.jinja.strip("\0 \r\n\t"))


@dataclass(frozen=True, slots=True)
class Choice:
    """A format and how it was found, or None; `why` tells either in a sentence."""

    template: Template | None
    found_by: FoundBy
    why: Notice


def choose_template(templates: Sequence[Template], *, jinja: str = "", name: str = "") -> Choice:
    """Choose by a template and a name alone; see `choose_for`."""
    return choose_for(templates, ModelFacts(jinja, name))


def choose_for(templates: Sequence[Template], facts: ModelFacts) -> Choice:
    """The format of a model that tells `facts`.

    Of several formats whose rules hold, the one that asks for most is taken; if that leaves a tie, none is.
    Vocabulary and name count only where there is no template: a template that nobody knows is not guessed at.
    """
    if facts.has_template:
        return _by_hash(templates, facts.jinja) or _by_rules(templates, facts)
    return _by_tokens(templates, facts) or _by_name(templates, facts)


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


def _by_rules(templates: Sequence[Template], facts: ModelFacts) -> Choice:
    text = _plain(facts.jinja)
    best = _best(
        (len(t.detect.all), t) for t in templates
        if t.detect.all and all(_plain(s) in text for s in t.detect.all)
        and not any(_plain(s) in text for s in t.detect.none)
        and (not facts.eos or not t.detect.eos or facts.eos in t.detect.eos)
    )
    if len(best) == 1:
        marks = ", ".join(" ".join(mark.split()) for mark in best[0].detect.all)
        sentence = "The model's own template holds the marks of {template}: {marks}."
        return Choice(best[0], "rules", notice(sentence, template=_label(best[0]), marks=marks))
    if best:
        names = ", ".join(_label(t) for t in best)
        return Choice(None, "", notice("The model's own template fits several prompt formats: {names}.", names=names))
    return Choice(None, "", Notice("The model's own template is none of the prompt formats known here."))


def _by_tokens(templates: Sequence[Template], facts: ModelFacts) -> Choice | None:
    fitting = [
        (len(t.detect.tokens), t) for t in templates
        if t.detect.tokens and facts.tokens.issuperset(t.detect.tokens)
    ]
    # The token at which the model was taught to end speaks louder than those that its base happens to have.
    told = [(score, t) for score, t in fitting if facts.eos and facts.eos in t.stop]
    best = _best(told or fitting)
    if len(best) > 1:
        named = [t for t in best if any(_holds(_words(facts.name), word) for word in t.detect.name)]
        best = named if len(named) == 1 else best
    if len(best) != 1:
        return None
    sentence = "The model tells no template; its vocabulary has the control tokens of {template}: {tokens}."
    tokens = ", ".join(best[0].detect.tokens)
    return Choice(best[0], "tokens", notice(sentence, template=_label(best[0]), tokens=tokens))


def _by_name(templates: Sequence[Template], facts: ModelFacts) -> Choice:
    words, name = _words(facts.name), facts.name
    fitting = [
        (len(word.replace("*", "")), t) for t in templates for word in t.detect.name if words and _holds(words, word)
    ]
    best = _best(fitting)
    if len(best) > 1 and facts.architecture:
        best = [t for t in best if facts.architecture in t.detect.arch] or best
    if len(best) == 1:
        sentence = "The model tells no template; its name, {name}, speaks for {template}."
        return Choice(best[0], "name", notice(sentence, name=name, template=_label(best[0])))
    if best:
        names = ", ".join(_label(t) for t in best)
        return Choice(None, "", notice("The model tells no template, and its name fits several: {names}.", names=names))
    return Choice(None, "", _unknown(templates, facts))


def _unknown(templates: Sequence[Template], facts: ModelFacts) -> Notice:
    """Why nothing was found, with what the model's family makes likely."""
    likely = ", ".join(_label(t) for t in templates if facts.architecture and facts.architecture in t.detect.arch)
    if likely:
        return notice(
            "The model tells no template. Models of its family, {family}, often speak {names}; a tune may speak "
            "another.", family=facts.architecture, names=likely,
        )
    if not _words(facts.name):
        return Notice("The model tells neither a template nor its name.")
    return notice("The model tells no template, and its name, {name}, is not known here.", name=facts.name)


def _best(fitting: Iterable[tuple[int, Template]]) -> list[Template]:
    """Those of the highest priority, among them those with the highest score, each once."""
    scored = [((t.detect.priority, score), t) for score, t in fitting]
    top = max((rank for rank, _ in scored), default=(0, 0))
    return list({t.id: t for rank, t in scored if rank == top}.values())


def _words(name: str) -> str:
    """A name in lower case, whatever parts its words made a `-`."""
    return re.sub(r"[^\w.*]+|_", "-", name.casefold()).strip("-.")


def _holds(name: str, word: str) -> bool:
    """Whether a word of the table stands in a name, not inside a longer word; `qwen2` does in `qwen2.5-7b`."""
    return (pattern := _pattern(word)) is not None and pattern.search(name) is not None


@lru_cache(maxsize=1024)
def _pattern(word: str) -> re.Pattern[str] | None:
    parts = [re.escape(part) for part in _words(word).split("*")]
    if not any(parts):
        return None
    # A word that ends in a star has no end of its own to look at.
    end = "" if word.endswith("*") else r"(?![^\W_])"
    return re.compile(rf"(?<![^\W_]){'[^/]*'.join(parts)}{end}")


def _plain(mark: str) -> str:
    """Templates spell line ends and quotes in two ways each."""
    return mark.replace("\\n", "\n").replace('"', "'")


def _label(template: Template) -> str:
    return template.label or template.id
