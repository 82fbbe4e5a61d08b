"""F1: every key by place, every slash command, and a few words on what is peculiar to phones and terminals."""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import Binding

from tui.i18n import tr
from tui.ui.commands import COMMANDS, Command, described, label_of, name_of
from tui.ui.host import host
from tui.ui.keys import KEYS, Place
from tui.ui.screens.choosing import ChoicePage
from tui.ui.screens.page import Hint
from tui.ui.widgets.listing import Line


class HelpPage(ChoicePage):
    """Searchable. Enter on a command that needs nothing more does it."""

    BINDINGS = [Binding("f1", "back", id="help.close", show=False)]  # noqa: RUF012

    def heading(self) -> str:
        return tr("Help")

    def hints(self) -> Sequence[Hint]:
        return (Hint("↑↓ PgUp PgDn", tr("scroll"), "page_on"), self.back_hint(), Hint("Enter", tr("do it"), "choose"))

    async def load(self) -> None:
        self.focus_search()
        self.picker.show(help_lines())

    def action_page_on(self) -> None:
        self.picker.page_down()

    def chosen(self, line: Line) -> None:
        command = next((c for c in COMMANDS if line.id == f"command:{c.name}"), None)
        if command is not None and runs_alone(command):
            self.dismiss(None)
            host(self.app).run_command(f"/{command.name}")


def runs_alone(command: Command) -> bool:
    """Whether a command can be given without arguments, and has no edge to cut oneself on."""
    return (not command.takes or command.takes.startswith("[")) and not command.sharp


def help_lines() -> list[Line]:
    """Everything the help shows."""
    lines: list[Line] = []
    for place, heading in _headings():
        lines.append(Line("", heading))
        lines += [Line(f"key:{key.id}", tr(key.label), key.shown, wrap=True) for key in KEYS if key.place == place]
    lines.append(Line("", tr("Commands: type / on an empty line; Russian names and the wrong layout work too")))
    helps = dict(described())
    lines += [
        Line(
            f"command:{c.name}",
            label_of(c),
            _other_names(c),
            helps[label_of(c)],
            wrap=True,
            words=" ".join((c.name, *c.aliases)),
        )
        for c in COMMANDS
    ]
    lines.append(Line("", tr("Good to know")))
    lines += [Line(f"fact:{number}", text, wrap=True) for number, text in enumerate(_facts())]
    return lines


def _other_names(command: Command) -> str:
    """The first two names besides the one shown."""
    names = [name for name in (command.name, *command.aliases) if name != name_of(command)]
    return " ".join(f"/{name}" for name in names[:2])


def _headings() -> tuple[tuple[Place, str], ...]:
    return (
        ("composer", tr("While writing")),
        ("messages", tr("In the messages (Tab)")),
        ("chat", tr("Beside the story")),
        ("anywhere", tr("Everywhere")),
        ("inspector", tr("In the inspector (F5)")),
        ("tokens", tr("Among the tokens of a reply (t)")),
    )


def _facts() -> tuple[str, ...]:
    return (
        tr("Nothing is overwritten: edits, versions and deletions can be undone."),
        tr("The reply goes on when the terminal closes; start Traktir again and it is there."),
        tr("On a phone: ☰ or / is the menu, and every line can be tapped."),
        tr("Shift and drag selects text while the mouse is on; /mouse switches it off."),
    )
