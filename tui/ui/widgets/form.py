"""A form: one field a line, its value at the right, what it takes below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tui.ui.widgets.listing import Line, Listing

FieldKind = Literal["line", "text", "choice", "action"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `value` is what is stored, `shown` what a person reads (the value itself where empty).
    A `choice` has `choices` of (value, label); a `text` has several lines; an `action` has no value."""

    id: str
    label: str
    value: str = ""
    hint: str = ""
    kind: FieldKind = "line"
    choices: Sequence[tuple[str, str]] = field(default=())
    shown: str = ""
    mark: str = ""

    @property
    def display(self) -> str:
        if self.shown:
            return self.shown
        return next((label for value, label in self.choices if value == self.value), self.value)


class Form(Listing):
    """Fields as lines. Choosing one posts the list's OptionSelected; the screen asks for the new value."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._fields: dict[str, Field] = {}

    def fill(self, fields: Iterable[Field | str]) -> None:
        """Show these fields; a text among them is a heading."""
        items = list(fields)
        self._fields = {item.id: item for item in items if isinstance(item, Field)}
        self.show(field_line(item) if isinstance(item, Field) else Line("", item) for item in items)

    def field(self, field_id: str) -> Field:
        """The field of that id, as last filled. Raises KeyError."""
        return self._fields[field_id]


def field_line(item: Field) -> Line:
    """A field as a line: long texts show their beginning below instead of at the right."""
    value = item.display
    if item.kind == "text":
        return Line(item.id, item.label, "", value or item.hint, mark=item.mark)
    return Line(item.id, item.label, value, item.hint, mark=item.mark, wrap=True)
