"""The calls of the API about profiles: which one holds for whom, what each says, and the keys that belong to them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tui.backends.address import without_user
from tui.core.chats import Chats
from tui.core.connection import Connection
from tui.core.dispatch import Handler
from tui.core.keys import check_key_name, checked_key, into_keyring, write_key_file
from tui.core.library import Library
from tui.core.settings import Settings
from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.domain.profile import Profile
from tui.formats.library import Item

KEYS = "keys"
"""The folder of keys in the configuration. Backups and exports hold nothing of it."""


class ProfileCalls:
    """`profiles.use`, `profiles.bind`, `profiles.key`."""

    def __init__(
        self, connection: Connection, library: Library, settings: Settings, chats: Chats, config: Path,
    ) -> None:
        self._connection = connection
        self._library = library
        self._settings = settings
        self._chats = chats
        self._config = config

    def handlers(self) -> dict[str, Handler]:
        return {"profiles.use": self.use, "profiles.bind": self.bind, "profiles.key": self.key}

    async def use(self, id: str) -> dict[str, Any]:  # noqa: A002
        """Make a profile the default. A chat's own choice is set with `chats.set` or `profiles.bind`."""
        self._library.profile(id)
        self._settings.set("profile", id)
        self._settings.set("chosen", True)
        self._connection.forget()
        return {"connection": self._connection.describe()}

    async def bind(self, profile: str = "", character: str = "", chat: str = "") -> dict[str, Any]:
        """Let a profile hold for a character's chats or for one chat; "" takes the binding away. A chat's own goes
        before its character's, that before the default."""
        if bool(character) == bool(chat):
            raise BadInput(notice("A profile is bound to a character or to a chat."), field="character")
        if profile:
            self._library.profile(profile)
        if chat:
            op = {"op": "set_field", "field": "profile", "value": profile or None}
            await self._chats.commit(chat, [op], notice("the profile"))
            fields: Mapping[str, Any] = (await self._chats.get(chat)).fields
        else:
            bound = dict(self._settings.get("character_profiles"))
            if profile:
                self._library.card(character)
                bound[character] = profile
            else:
                bound.pop(character, None)
            self._settings.set("character_profiles", bound)
            fields = {"character": character}
        self._connection.forget()
        return {"profile": self._connection.profile_of(self._connection.chosen(fields)).id,
                "characters": dict(self._settings.get("character_profiles"))}

    async def key(self, profile: str, key: str, keyring: bool = False) -> dict[str, Any]:
        """Keep the key of a profile's server: in a file of mode 0600, or in the system's keyring. Where it lies is
        told, the key is not."""
        found = self._library.profile(profile)
        if found.backend.get("kind") == "embedded":
            told = notice("The profile {name} uses no server, so it has no key.", name=profile)
            raise BadInput(told, field="profile")
        where = store_key(self._config, profile, key, keyring=keyring)
        self._connection.keep_key(profile, where)
        return {"profile": profile, "kept": where}


def store_key(config: Path, name: str, key: str, *, keyring: bool = False) -> dict[str, str]:
    """Keep a key under a profile's name. Returns the fields by which a backend finds it. Raises BadInput, StoreError,
    BackendError."""
    key = checked_key(key)
    if keyring:
        into_keyring(name, key)
        return {"keyring": name}
    return {"key_file": str(write_key_file(config / KEYS, name, key).relative_to(config))}


def holds(item: Item, bound: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, Any]:
    """What a profile says, for choosing among several, and the characters that are bound to it. Of a key only where it
    comes from."""
    characters = sorted(character for character, profile in bound.items() if profile == item.id)
    if not isinstance(item.value, Profile):
        return {"holds": None, "characters": characters}
    profile, spec = item.value, item.value.backend
    return {
        "characters": characters,
        "holds": {
            "kind": spec.get("kind", "auto"), "model": str(spec.get("model") or ""),
            "url": without_user(str(spec.get("url") or "")), "key": _key_source(item.id, spec, kept),
            "template": profile.template, "samplers": profile.samplers, "prompt": profile.prompt,
            "context_length": spec.get("context_length"),
        },
    }


def _key_source(profile: str, spec: Mapping[str, Any], kept: Mapping[str, str]) -> str:
    """Which kind of place a key comes from; a name that may be a key by mistake is not repeated."""
    try:
        check_key_name(spec)
    except BadInput:
        return ""
    named = next((name for name in ("key_env", "key_file", "keyring") if spec.get(name)), "")
    return named or kept.get(profile, "").partition(":")[0]
