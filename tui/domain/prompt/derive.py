"""A prompt format read off a chat template that nobody has seen.

The template is rendered with marker texts; what stands between them is what the format's fields say. Where there is
more than one way to read a gap, each is tried, and the one that writes most of the probes alike is taken. A template
that does what no format can say keeps its text in `Template.jinja`, to be run itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, get_args

from tui.domain.clock import format_date
from tui.domain.notice import Notice, notice
from tui.domain.prompt.probes import (
    CLOCK,
    MODES,
    PLAIN_CHAT,
    SYSTEM,
    TAGS,
    Check,
    Model,
    Probe,
    Render,
    all_probes,
    checks_of,
    heard,
    score,
    talk,
)
from tui.domain.template import Detection, ReasoningTags, Template, TrimRule

_DATES = (
    "%A, %B %d, %Y", "%A, %d %B %Y", "%B %d, %Y", "%d %B %Y", "%b %d, %Y", "%d %b %Y", "%Y-%m-%d", "%d/%m/%Y",
    "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%B %Y", "%H:%M:%S", "%H:%M",
)
_LITERALS = (
    "preamble", "system_prefix", "system_suffix", "system_missing", "user_prefix", "user_suffix", "assistant_prefix",
    "assistant_suffix", "generation_prefix", "prefill_prefix",
)
#: What a template may write as BOS where nobody tells which token that is.
_KNOWN_BOS = (
    "<s>", "<|begin_of_text|>", "<bos>", "<BOS_TOKEN>", "<｜begin▁of▁sentence｜>", "<|startoftext|>", "<|endoftext|>",
)
#: Words by which a literal is told to open a reply.
_REPLIER = re.compile("assistant|chatbot|model|bot|ассистент", re.IGNORECASE)
_NO_SYSTEM: Mapping[str, Any] = {"system_placement": "first_user", "system_suffix": "\n\n"}


@dataclass(frozen=True, slots=True)
class Derived:
    """What became of a template. `template` is None when it can do nothing with a chat; its `jinja` is empty when
    `exact`, that is, when every required probe that the template takes is written alike."""

    template: Template | None
    exact: bool
    why: Notice
    checks: tuple[Check, ...] = ()


def derive_template(
    render: Render, *, jinja: str = "", bos_token: str = "", eos_token: str = "", id: str = "derived",  # noqa: A002
    label: str = "",
) -> Derived:
    """Read a format off the template `jinja`, which `render` renders under limits. The tokens are the model's, as
    text; `id` and `label` are for the format that is made."""
    model = Model(render, {"bos_token": bos_token, "eos_token": eos_token})
    tags = next((pair for pair in TAGS if pair[1] in jinja), TAGS[0])
    probes = all_probes(tags)
    template = _read(model, probes, tags if tags[1] in jinja else None)
    if template is None:
        return _unread(model, jinja, Template(id, label or id), eos_token)
    template = replace(
        template, id=id, label=label or id, modes=_modes(model, probes, tags, template),
        stop=_stops(template, eos_token), detect=Detection(sha256=_hashes(jinja)),
    )
    checks = checks_of(template, model, probes)
    if Model(render, model.variables).write(probes[0]) is None:
        return Derived(None, False, Notice("The model's own template could not be tried to the end: it is too slow."))
    failed = [check.name for check in checks if check.required and not check.same]
    if failed:
        sentence = "The model's own template does what no prompt format can say ({names}), so it is run itself."
        why = notice(sentence, names=", ".join(failed))
        modes = {name: template.modes.get(name, {}) for name in _told_apart(model)}
        return Derived(replace(template, jinja=jinja, modes=modes), False, why, checks)
    count = sum(check.required for check in checks)
    sentence = "The format was read off the model's own template; both write {count} trial chats alike."
    return Derived(template, True, notice(sentence, count=count), checks)


def _unread(model: Model, jinja: str, bare: Template, eos_token: str) -> Derived:
    """What becomes of a template of which no field can be read, as it leaves messages out or repeats them."""
    if not jinja or not heard(lambda told: model.render({**model.variables, **told})):
        return Derived(None, False, Notice("The model's own template makes no prompt of a plain chat."))
    text = model.render({**model.variables, **PLAIN_CHAT}) or ""
    kept = replace(
        bare, jinja=jinja, bos=next((bos for bos in _bos_of(model) if text.startswith(bos)), ""),
        stop=(eos_token,) if eos_token else (), detect=Detection(sha256=_hashes(jinja)),
        modes={name: {} for name in _told_apart(model)},
    )
    return Derived(kept, False, Notice(
        "The model's own template leaves messages out or repeats them, which no prompt format can say, so it is run "
        "itself."
    ))


def _read(model: Model, probes: Sequence[Probe], tags: tuple[str, str] | None) -> Template | None:
    """The best format for a template, the fields found one after another."""
    chat = model.gaps("uauau")
    if chat is None:
        return None
    search = _Search(model, probes)
    template = search.best(Template("derived"), _wrappings(model, chat))
    template = search.best(template, _dates(template))
    template = search.best(template, _rules(model))
    template = search.best(template, _prefills(model, template))
    for role in ("user", "assistant", "system"):
        template = search.best(template, [
            {"trim": replace(template.trim, **{role: rule}), "trim_scope": scope}
            for scope in ("content", "turn") for rule in get_args(TrimRule)
        ])
    template = search.best(template, _thoughts(tags))
    return search.best(template, [{"note_role": role} for role in _note_roles(model)])


class _Search:
    """Chooses, of several ways to change a format, the one after which most probes are written alike."""

    def __init__(self, model: Model, probes: Sequence[Probe]) -> None:
        self._model = model
        self._probes = probes

    def best(self, template: Template, changes: Sequence[Mapping[str, Any]]) -> Template:
        """The first of the best; the template itself where there is nothing to choose from."""
        ways = [replace(template, **change) for change in changes]
        if len(ways) < 2:
            return ways[0] if ways else template
        return max(ways, key=lambda way: score(checks_of(way, self._model, self._probes)))


def _wrappings(model: Model, chat: Sequence[str]) -> list[dict[str, Any]]:
    """Every way to read the ends of turns and the head off the gaps of a chat."""
    bos = next((text for text in _bos_of(model) if chat[0].startswith(text)), "")
    first = chat[0][len(bos) :]
    out: list[dict[str, Any]] = []
    for user_prefix in _user_prefixes(model, chat, first):
        for user_suffix in _user_suffixes(model, chat, user_prefix):
            turns: dict[str, Any] = {
                "bos": bos, "user_prefix": user_prefix, "user_suffix": user_suffix,
                "assistant_prefix": chat[1].removeprefix(user_suffix),
                "assistant_suffix": chat[2].removesuffix(user_prefix),
                "generation_prefix": chat[5].removeprefix(user_suffix),
            }
            if turns["generation_prefix"] == turns["assistant_prefix"]:
                turns["generation_prefix"] = None
            out += [{**turns, **head} for head in _heads(model, first, bos, user_prefix, turns["assistant_suffix"])]
    return out


def _bos_of(model: Model) -> tuple[str, ...]:
    """What may be BOS: the model's own, else what it is in known families."""
    told = str(model.variables.get("bos_token", ""))
    return (told,) if told else _KNOWN_BOS


def _user_prefixes(model: Model, chat: Sequence[str], first: str) -> list[str]:
    """What may open a user's turn, likeliest first; all of them end the gap after a reply."""
    closed = model.gaps("uaua", generation=False)
    twice, open_end = model.gaps("uu"), model.gaps("uauau", generation=False)
    found = [first]
    if closed and chat[2].startswith(closed[4]):
        found.append(chat[2][len(closed[4]) :])
    if twice and open_end and twice[1].startswith(open_end[5]):
        found.append(twice[1][len(open_end[5]) :])
    found += [_common_suffix(first, chat[2]), ""]
    return [prefix for prefix in dict.fromkeys(found) if chat[2].endswith(prefix)]


def _user_suffixes(model: Model, chat: Sequence[str], user_prefix: str) -> list[str]:
    """What may end a user's turn, likeliest first; all of them begin the gaps before a reply."""
    open_end, closed = model.gaps("uauau", generation=False), model.gaps("uaua", generation=False)
    twice = model.gaps("uu")
    found: list[str] = []
    if twice and user_prefix and twice[1].endswith(user_prefix):
        found.append(twice[1].removesuffix(user_prefix))
    if open_end:
        found += [open_end[5], _common_prefix(open_end[5], chat[1])]
    if closed:
        found.append(_common_prefix(closed[4], chat[1]))
    blank = chat[1][: len(chat[1]) - len(chat[1].lstrip())]
    if open_end and open_end[5] == chat[5]:
        # The user's turn opens the reply's, asked or not. The opener belongs to the reply: a greeting has it too.
        ends = [_common_prefix(closed[4], chat[1]) if closed else "", blank]
        split = [end for end in ends if end and _REPLIER.search(chat[1], len(end))]
        found = split[:1] or found
    found += [blank, ""]
    return [suffix for suffix in dict.fromkeys(found) if chat[1].startswith(suffix) and chat[5].startswith(suffix)]


def _heads(
    model: Model, first: str, bos: str, user_prefix: str, assistant_suffix: str,
) -> Iterator[dict[str, Any]]:
    """Every way to read what stands before the first turn, and where the system text goes. `first` is the opening
    of a chat without one, `bos` taken off."""
    bare = first.removesuffix(user_prefix) if first.endswith(user_prefix) else None
    gaps = model.gaps("suau")
    if gaps is None:
        late = _late_system(model, user_prefix, assistant_suffix)
        yield {"preamble": bare or "", **(late or _NO_SYSTEM)}
        return
    opening = gaps[0].removeprefix(bos)
    if bare is not None and gaps[1].endswith(user_prefix):
        placed = {"system_suffix": gaps[1].removesuffix(user_prefix)}
        if opening.startswith(bare):
            yield {**placed, "preamble": bare, "system_prefix": opening[len(bare) :]}
        if bare:
            yield {**placed, "system_missing": bare, "system_prefix": opening}
    inside = {"system_placement": "first_user", "system_suffix": gaps[1]}
    if bare is not None and opening.startswith(bare + user_prefix):
        yield {**inside, "preamble": bare, "system_prefix": opening[len(bare + user_prefix) :]}
    if opening.startswith(user_prefix) and first.startswith(user_prefix):
        missing = first[len(user_prefix) :]
        yield {**inside, "system_prefix": opening[len(user_prefix) :], "system_missing": missing}


def _late_system(model: Model, user_prefix: str, assistant_suffix: str) -> dict[str, Any] | None:
    """The system text inside the last user's turn, if that is where it goes."""
    probe = Probe("", talk("suau"))
    text = model.write(probe)
    if text is None or text.count(SYSTEM) != 1:
        return None
    _, first, reply, last = (message.content for message in probe.messages)
    places = [text.find(part) for part in (first, reply, SYSTEM, last)]
    if -1 in places or sorted(places) != places:
        return None
    opener = assistant_suffix + user_prefix
    before = text[places[1] + len(reply) : places[2]]
    if not before.startswith(opener):
        return None
    return {
        "system_placement": "last_user", "system_prefix": before[len(opener) :],
        "system_suffix": text[places[2] + len(SYSTEM) : places[3]],
    }


def _dates(template: Template) -> list[dict[str, Any]]:
    """The format as it is, and with every date that the clock can tell in its place; days with a zero or without."""
    out: list[dict[str, Any]] = [{}]
    for form in (*_DATES, *(form.replace("%d", "%-d") for form in _DATES if "%d" in form)):
        said = format_date(form, CLOCK)
        changes = {
            name: text.replace(said, f"{{{{date:{form}}}}}")
            for name in _LITERALS if (text := getattr(template, name)) and said in text
        }
        if changes:
            out.append(changes)
    return out


def _rules(model: Model) -> list[dict[str, Any]]:
    """What may be done with neighbours of one role and with a chat that a reply opens."""
    firsts: list[dict[str, Any]] = [{"first_turn": "any"}, {"first_turn": "user"}]
    if model.gaps("au") is None and model.gaps("sau") is None:
        firsts = firsts[1:]
    twice = model.gaps("uu")
    if twice is None or model.gaps("uaau") is None:
        roles: list[dict[str, Any]] = [{"same_role": "merge"}]
    else:
        roles = [{}, {"same_role": "merge"}]
        if twice[1].isspace():
            roles.append({"same_role": "merge", "join": twice[1]})
    return [{**first, **role} for first in firsts for role in roles]


def _prefills(model: Model, template: Template) -> list[dict[str, Any]]:
    """What may open a reply that is continued."""
    out: list[dict[str, Any]] = [{}]
    gaps = model.gaps("uaua", generation=False)
    if gaps and gaps[3].startswith(template.user_suffix):
        out.append({"prefill_prefix": gaps[3][len(template.user_suffix) :]})
    return out


def _thoughts(tags: tuple[str, str] | None) -> list[dict[str, Any]]:
    """Whether finished thoughts are cut; `tags` are those that the template names."""
    start, end = tags or TAGS[0]
    kept = ReasoningTags(start, end) if tags else ReasoningTags()
    cut = [ReasoningTags(start, end, True, lstrip) for lstrip in ("", "\n", " \n", " \t\r\n")]
    return [{"reasoning": reasoning} for reasoning in (kept, *cut)]


def _note_roles(model: Model) -> tuple[str, ...]:
    """Roles in which a later system text may be written; as a user's where the template does not take it."""
    return ("user",) if model.write(Probe("", talk("suasu"))) is None else ("user", "system", "inline")


def _modes(
    model: Model, probes: Sequence[Probe], tags: tuple[str, str], template: Template,
) -> dict[str, dict[str, Any]]:
    """Overrides for what the template does when told to think or not, where that can be said exactly."""
    found: dict[str, dict[str, Any]] = {}
    for name, told in _told_apart(model).items():
        other = _read(told, probes, tags)
        if other is None or not all(c.same for c in checks_of(other, told, probes) if c.required):
            continue
        changed = {
            f.name: getattr(other, f.name) for f in fields(Template)
            if f.name in _LITERALS and getattr(other, f.name) != getattr(template, f.name)
        }
        if changed and all(c.same for c in checks_of(replace(template, **changed), told, probes) if c.required):
            found[name] = changed
    return found


def _told_apart(model: Model) -> dict[str, Model]:
    """The modes that change what the template writes."""
    probe = Probe("", talk("uau"))
    told = {name: model.with_variables(variables) for name, variables in MODES.items()}
    return {name: other for name, other in told.items() if other.write(probe) not in (None, model.write(probe))}


def _stops(template: Template, eos_token: str) -> tuple[str, ...]:
    """The end of a reply and EOS; where a reply has no end of its own, the opening of the user's turn."""
    end = template.assistant_suffix.strip()
    if eos_token and eos_token in end:
        end = eos_token
    return tuple(dict.fromkeys(s for s in (end or template.user_prefix.strip(), eos_token) if s))


def _hashes(jinja: str) -> tuple[str, ...]:
    plain = jinja.rstrip("\0").strip()
    return (hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest(),) if plain else ()


def _common_prefix(one: str, other: str) -> str:
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    return one[:same]


def _common_suffix(one: str, other: str) -> str:
    return _common_prefix(one[::-1], other[::-1])[::-1]
