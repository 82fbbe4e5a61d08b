"""The prompt format for a model: pinned, known by its hash, its marks, derived from its template, or run as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tui.domain.notice import Notice, notice
from tui.domain.prompt.derive import derive_template
from tui.domain.prompt.detect import Choice, ModelFacts, choose_for
from tui.domain.prompt.lint import Difference, closing, compare
from tui.domain.prompt.probes import PLAIN_CHAT, Render, heard, suited
from tui.domain.template import Template

FoundBy = Literal["pin", "sha256", "rules", "derived", "jinja", "tokens", "name", ""]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A format, how it was found, and the sentence that says so; `template` is None when a person must choose.

    `differences` are those between the format and the model's own template, edge cases among them. Where `found_by`
    is "jinja" the template's `jinja` is to be run itself, and its fields are the nearest that a format can come.
    """

    template: Template | None
    found_by: FoundBy
    why: Notice
    differences: tuple[Difference, ...] = ()

    @property
    def made(self) -> bool:
        """Whether the format was made just now, so that no file holds it."""
        return self.found_by in ("derived", "jinja")

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.template.id if self.template else None, "found_by": self.found_by or None,
            "why": self.why.to_json(), "differences": [d.to_json() for d in self.differences if d.required],
            "edge_cases": [d.to_json() for d in self.differences if not d.required],
        }


def resolve_template(
    templates: Sequence[Template], facts: ModelFacts, *, pinned: Template | None = None, render: Render | None = None,
    derived_id: str = "derived",
) -> Resolved:
    """The format of a model that tells `facts`, in the order pin, hash, marks, derived, the template itself, tokens,
    name. `render` runs the model's own template under limits; without it nothing is compared or derived.

    Marks are only believed where the format then writes what the template writes; those of a text that is no chat
    template, as it writes nothing of what is said, are not.
    """
    own = suited(render) if facts.has_template and render is not None else None
    if pinned is not None:
        why = notice("{template} was chosen for this model by hand.", template=pinned.label or pinned.id)
        return Resolved(pinned, "pin", why, _differences(pinned, facts, own))
    choice = choose_for(templates, facts)
    if own is None:
        return _taken(choice)
    found = _taken(choice, _differences(choice.template, facts, own))
    if found.template is not None and found.found_by == "sha256":
        return found
    if own(PLAIN_CHAT) is not None and not heard(own):
        return Resolved(None, "", Notice("The model's own template makes no prompt of a plain chat."))
    if found.template is not None and not any(d.required for d in found.differences):
        return found
    return _derived(found, facts, own, derived_id)


def _taken(choice: Choice, differences: tuple[Difference, ...] = ()) -> Resolved:
    return Resolved(choice.template, choice.found_by, choice.why, differences)


def _differences(template: Template | None, facts: ModelFacts, render: Render | None) -> tuple[Difference, ...]:
    if template is None or render is None:
        return ()
    return compare(template, render, bos_token=facts.bos, eos_token=facts.eos)


def _derived(found: Resolved, facts: ModelFacts, render: Render, derived_id: str) -> Resolved:
    """A format made of the template itself, where `found` is none or writes something else."""
    bos, eos = _token_names(found.template, facts)
    made = derive_template(render, jinja=facts.jinja, bos_token=bos, eos_token=eos, id=derived_id)
    if made.template is None:
        return found if found.template is not None else replace(found, why=made.why)
    why = made.why
    if found.template is not None and made.exact:
        sentence = "The marks are those of {template}, but the model's own template writes something else, so the " \
                   "format was read off it."
        why = notice(sentence, template=found.template.label or found.template.id)
    bare = replace(made.template, jinja="")
    differences = compare(bare, render, bos_token=bos, eos_token=eos)
    # No vendor's format has speakers' names; a group needs them, as in the formats that ship.
    template = replace(made.template, names="group")
    return Resolved(template, "derived" if made.exact else "jinja", why, differences)


def _token_names(near: Template | None, facts: ModelFacts) -> tuple[str, str]:
    """BOS and EOS as text: the model's own, else those of the format that comes near, else what most models have."""
    if facts.bos or facts.eos:
        return facts.bos, facts.eos
    if near is not None:
        return near.bos, closing(near)
    return ("<s>" if "bos_token" in facts.jinja else ""), ("</s>" if "eos_token" in facts.jinja else "")
