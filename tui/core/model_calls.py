"""The calls of the API about models, servers, profiles and settings."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from tui.backends.address import parse_address, without_user
from tui.core.backend_spec import model_path
from tui.core.connection import Connection
from tui.core.dispatch import Handler
from tui.core.keys import check_key_name, checked_key
from tui.core.library import Library
from tui.core.profile_calls import ProfileCalls, store_key
from tui.core.settings import SETTINGS, Settings
from tui.domain.errors import BadInput, NotFound
from tui.domain.notice import notice
from tui.domain.profile import Profile
from tui.formats.presets import write_profile

#: The profile that the first-run and connection screens write; the user's own copy, never a file they made.
OWN_PROFILE = "mine"


class ModelCalls:
    """`connection.*`, `models.*`, `templates.pin`, `settings.*`."""

    def __init__(
        self, connection: Connection, library: Library, settings: Settings, profiles: ProfileCalls, config: Path,
    ) -> None:
        self._profiles = profiles
        self._config = config
        self._connection = connection
        self._library = library
        self._settings = settings

    def handlers(self) -> dict[str, Handler]:
        return {
            "connection.get": self.get, "connection.probe": self.probe, "connection.use": self.use,
            "models.load": self.load, "models.unload": self.unload,
            "templates.pin": self.pin,
            "settings.get": self.get_settings, "settings.set": self.set_setting,
        }

    async def get(self, profile: str = "", character: str = "") -> dict[str, Any]:
        """The connection of a profile, else of the one that is bound to the character, else of the default."""
        return self._connection.describe(self._chosen(profile, character))

    def _chosen(self, profile: str, character: str) -> str:
        return self._connection.chosen({"profile": profile, "character": character})

    async def probe(
        self, url: str, kind: str = "auto", key_env: str = "", key_file: str = "", model: str = "", key: str = "",
    ) -> dict[str, Any]:
        """Look at what answers at an address; nothing is changed, and a `key` is not kept."""
        await asyncio.to_thread(import_module, "tui.backends.probe")
        from tui.backends.probe import probe

        spec = {"url": url, "kind": kind, "key_env": key_env, "key_file": key_file, "model": model}
        endpoint = self._connection.endpoint(spec)
        return (await probe(replace(endpoint, api_key=checked_key(key)) if key else endpoint)).to_json()

    async def use(
        self, kind: str, model: str = "", url: str = "", key_env: str = "", key_file: str = "", mode: str = "",
        context_length: int = 0, template: str = "auto", key: str = "",
    ) -> dict[str, Any]:
        """Make a model or a server the default: written to a profile of its own. The starter has one that ships. A
        `key` goes into a file of mode 0600, which the profile names."""
        if kind == "embedded" and model in ("", "starter"):
            return await self._profiles.use("starter")
        if kind == "embedded" and not Path(model).expanduser().is_file():
            raise NotFound(notice("There is no model file {file}.", file=model), notice("Check the path."))
        if context_length < 0:
            raise BadInput(notice("{field} must be 0 or more.", field="context_length"), field="context_length")
        if kind != "embedded" and not url:
            raise BadInput(notice("A server needs an address."), field="url")
        check_key_name({"key_env": key_env})
        if key and kind != "embedded":
            key_env, key_file = "", store_key(self._config, OWN_PROFILE, key)["key_file"]
        backend = {
            "kind": kind, "model": str(model_path(model)) if kind == "embedded" else model, "url": url,
            "key_env": key_env, "key_file": key_file, "mode": mode, "context_length": context_length,
        }
        profile = Profile(
            OWN_PROFILE, label=Path(model).stem if kind == "embedded" else without_user(url),
            backend={k: v for k, v in backend.items() if v}, template=template,
        )
        if not self._was_at(url):
            self._connection.forget_key(OWN_PROFILE)            # it was given for another server
        written = write_profile(profile)
        await self._library.change("profiles", lambda folder: folder.save(OWN_PROFILE, ".yaml", written, replace=True))
        return await self._profiles.use(OWN_PROFILE)

    def _was_at(self, url: str) -> bool:
        """Whether the profile that is about to be written has been one of that server's."""
        try:
            before = str(self._library.profile(OWN_PROFILE).backend.get("url") or "")
            return bool(url) and parse_address(before).root == parse_address(url).root
        except (BadInput, NotFound):
            return False

    async def load(self, profile: str = "", character: str = "") -> dict[str, Any]:
        chosen = self._chosen(profile, character)
        await self._connection.link(chosen)
        return self._connection.describe(chosen)

    async def unload(self) -> dict[str, Any]:
        return {"unloaded": await self._connection.unload()}

    async def pin(self, template: str) -> dict[str, Any]:
        await self._connection.pin(template)
        return {"connection": self._connection.describe()}

    async def get_settings(self) -> dict[str, Any]:
        return {
            "settings": self._settings.all(),
            "problems": [p.to_json() for p in (*self._settings.problems.values(), *self._library.problems())],
        }

    async def set_setting(self, name: str, value: Any) -> dict[str, Any]:
        if name not in SETTINGS:
            raise BadInput(notice("There is no setting called {field}.", field=name[:60]), field=name[:60])
        self._settings.set(name, value)
        return {"settings": self._settings.all()}
