"""Scripts of quick replies at work on the chat in front."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.app import App

from tui.domain.errors import BadInput
from tui.domain.notice import Notice, notice
from tui.domain.script.parse import parse_script
from tui.domain.script.run import run_script
from tui.i18n import tr
from tui.ui.deeds_hands import post
from tui.ui.host import host, link, open_chat_of
from tui.ui.ranges import parse_range

_KINDS = {"send": "user", "sys": "narrator", "nar": "narrator", "narrate": "narrator", "comment": "comment",
          "sendas": "character"}
#: Other commands of the program that a script may use as a person would.
_PLAIN = {"trigger": "trigger", "roll": "roll", "hide": "hide", "unhide": "unhide", "note": "note"}
COMMANDS = frozenset({
    *_KINDS, *_PLAIN, "echo", "input", "popup", "buttons", "setinput", "messages", "gen", "rand",
})


async def run_text(app: App[Any], text: str) -> str:
    """Run a script; what is left in its pipe. Raises TraktirError."""
    script = parse_script(text)
    chat = open_chat_of(app)
    world = _World(app, chat.id, await link(app).call("script.variables", chat=chat.id, head=host(app).state.head))
    before = (dict(world.local), dict(world.shared))
    try:
        return await run_script(script, world)
    finally:
        world.local.pop("timesIndex", None)
        if (world.local, world.shared) != before:
            await link(app).call(
                "script.keep", chat=chat.id, local=world.local, shared=world.shared, head=host(app).state.head,
            )


class _World:
    """What a script may do here; everything as the person could do it by hand."""

    commands = COMMANDS

    def __init__(self, app: App[Any], chat: str, variables: Mapping[str, Any]) -> None:
        self._app = app
        self._chat = chat
        self.local: dict[str, str] = dict(variables["local"])
        self.shared: dict[str, str] = dict(variables["shared"])

    async def fill(self, text: str) -> str:
        got = await link(self._app).call("script.fill", chat=self._chat, text=text, head=host(self._app).state.head)
        return str(got["text"])

    async def act(self, name: str, named: Mapping[str, str], text: str) -> str:
        if name in _KINDS:
            await post(self._app, text, _KINDS[name], named.get("name", ""))
            return text
        if name in _PLAIN:
            from tui.ui.deeds import DEEDS

            await DEEDS[_PLAIN[name]](self._app, text)
            return text
        return await {
            "echo": self._echo, "input": self._input, "popup": self._popup, "buttons": self._buttons,
            "setinput": self._setinput, "messages": self._messages, "gen": self._gen, "rand": self._rand,
        }[name](named, text)

    async def _echo(self, named: Mapping[str, str], text: str) -> str:
        host(self._app).say_notice(Notice(text.replace("{", "(").replace("}", ")")))
        return text

    async def _input(self, named: Mapping[str, str], text: str) -> str:
        from tui.ui.screens.confirm import ask_line

        return await ask_line(self._app, text, named.get("default", "")) or ""

    async def _popup(self, named: Mapping[str, str], text: str) -> str:
        from tui.ui.screens.confirm import choose

        return await choose(self._app, text, [("ok", named.get("okButton") or tr("OK"))]) or ""

    async def _buttons(self, named: Mapping[str, str], text: str) -> str:
        import json

        from tui.ui.screens.confirm import choose

        try:
            labels = [str(label) for label in json.loads(named.get("labels", "[]"))]
        except (ValueError, TypeError):
            labels = []
        if not labels:
            raise BadInput('/buttons takes labels=["One","Two"] and a question.')
        return await choose(self._app, text, [(label, label) for label in labels[:50]]) or ""

    async def _setinput(self, named: Mapping[str, str], text: str) -> str:
        host(self._app).compose_line(text)
        return text

    async def _messages(self, named: Mapping[str, str], text: str) -> str:
        chat = open_chat_of(self._app)
        path = chat.path(host(self._app).state.head)
        first, last = parse_range(text, len(path))
        names = named.get("names", "on") not in ("off", "false")
        return "\n\n".join(f"{n.name}: {n.text}" if names and n.name else n.text for n in path[first - 1 : last])

    async def _rand(self, named: Mapping[str, str], text: str) -> str:
        """A whole number `from=` `to=` (1 to the text's number where they are not given)."""
        import secrets

        low, high = named.get("from", "1"), named.get("to", text or "100")
        if not (low.isdecimal() and high.isdecimal() and int(low) <= int(high)):
            raise BadInput("/rand takes two whole numbers: /rand from=1 to=6")
        return str(int(low) + secrets.randbelow(int(high) - int(low) + 1))

    async def _gen(self, named: Mapping[str, str], text: str) -> str:
        from tui.wire.ids import new_id

        host(self._app).say_notice(notice("The model writes for a script…"))
        got = await link(self._app).call(
            "turn.quiet", chat=self._chat, id=new_id(), parent=host(self._app).state.head, instruction=text,
        )
        return str(got["text"])
