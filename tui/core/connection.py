"""Which model answers: profiles become backends, backends tell what they are, a template is chosen for them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tui import paths
from tui.backends.address import without_user
from tui.core.backend_spec import choice_of, endpoint_of, engine_settings, model_path, with_choice
from tui.core.counting import Shelf, TokenCounts
from tui.core.events import EventHub
from tui.core.kept_states import KeptStates
from tui.core.library import Library
from tui.core.places import EmbeddedModel, Place, Places, StatusListener
from tui.core.prompt_formats import Format, PromptFormats, pin_name
from tui.core.settings import Settings
from tui.domain.backend import Backend, Capabilities, Finish
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BadInput, NotFound
from tui.domain.notice import Notice, notice
from tui.domain.profile import Profile
from tui.domain.template import Template

if TYPE_CHECKING:
    from tui.backends.remote import RemoteBackend

#: Assumed where a server does not tell its window; said aloud.
ASSUMED_CONTEXT = 4096


@dataclass(frozen=True, slots=True)
class Link:
    """A backend that answered, with everything a plan needs to know of it."""

    profile: Profile
    backend: Backend
    capabilities: Capabilities
    template: Template
    found_by: str
    context: int
    counts: TokenCounts
    place: Place


class Connection:
    """Opens backends when they are first needed and keeps them; an embedded model gives way to another."""

    def __init__(
        self, library: Library, settings: Settings, events: EventHub, formats: PromptFormats,
        shelf: Shelf | None = None,
    ) -> None:
        self._library = library
        self._formats = formats
        self._settings = settings
        self._events = events
        self.environment: dict[str, str] = dict(os.environ)
        self.kept = KeptStates(settings, lambda conversation: self._places.forget(conversation))
        self._places = Places(
            self.environment, self._tell, shelf, self.kept.quota, lambda said: events.tell(said, "warning")
        )

    def profile_of(self, profile_id: object = None) -> Profile:
        """The profile by id, or the default one. Raises NotFound."""
        return self._library.profile(str(profile_id or self._settings.get("profile")))

    def chosen(self, fields: Mapping[str, Any]) -> str:
        """The profile of a chat with these fields: its own, else its character's, else "" for the default."""
        bound = self._settings.get("character_profiles")
        return str(fields.get("profile") or bound.get(str(fields.get("character") or "")) or "")

    def for_summaries(self, fields: Mapping[str, Any]) -> tuple[str, str]:
        """The profile that writes a chat's summaries, and the chat's own choice of a format where it holds there: it
        was chosen for the model that replies."""
        own, template = self.chosen(fields), str(fields.get("template") or "")
        wanted = str(self._settings.get("summary_profile") or "")
        if not wanted or self.profile_of(wanted).id == self.profile_of(own).id:
            return own, template
        return wanted, ""

    async def link(
        self, profile_id: object = None, on_status: StatusListener | None = None, *, template_id: object = None
    ) -> Link:
        """Connect or load as the profile says; `template_id` is a chat's own choice of a format.

        Raises BackendError, or Refused when no template is known.
        """
        profile = self.profile_of(profile_id)
        place = await self._ready(profile, on_status)
        assert place.capabilities is not None
        if template_id:
            template, found_by = self._library.template(str(template_id)), "chat"
        else:
            template, found_by = await self._template(profile, place)
        return Link(
            profile, place.backend, place.capabilities, template, found_by,
            self._context(profile, place.capabilities), place.counts, place,
        )

    @contextlib.asynccontextmanager
    async def using(
        self, profile_id: object = None, on_status: StatusListener | None = None, *, template_id: object = None
    ) -> AsyncIterator[Link]:
        """As `link`; the backend is neither closed nor unloaded while the body runs."""
        link = await self.link(profile_id, on_status, template_id=template_id)
        self._places.take(link.place)
        try:
            yield link
        finally:
            await self._places.release(link.place)

    def judge(self, link: Link, finish: Finish) -> None:
        """Take in how a reply ended."""
        self._places.judge(link.place, finish)

    def wanted_variables(self) -> list[str]:
        """The variables that profiles name for their keys and that are not set here: a client may have them."""
        named = {str(p.backend.get("key_env") or "") for p in self._profiles()}
        named |= {str(v) for p in self._profiles() for v in dict(p.backend.get("headers_env") or {}).values()}
        return sorted(name for name in named - self.environment.keys() if name.isidentifier())

    async def unload(self) -> bool:
        """Take the embedded model out of memory. Returns whether there was one. Raises Refused while it is at work."""
        return await self._places.unload()

    async def unload_idle(self) -> None:
        """Unload when nothing was asked for longer than the settings allow."""
        if minutes := self._settings.get("unload_minutes"):
            await self._places.unload_idle(minutes * 60)

    async def close(self) -> None:
        await self._places.close()

    def is_ready(self, profile_id: object = None) -> bool:
        """Whether a profile's backend answers now, without connecting or loading anything."""
        try:
            place = self._places.get(_key(self._spec(self.profile_of(profile_id))))
        except NotFound:
            return False
        return _state(place) == "ready"

    def describe(self, profile_id: object = None) -> dict[str, Any]:
        """What the connection screen shows; looks, but does not connect."""
        profile = self.profile_of(profile_id)
        place = self._places.get(_key(self._spec(profile)))
        out: dict[str, Any] = {
            "profile": profile.id, "label": profile.label or profile.id, "kind": profile.backend.get("kind", "auto"),
            "url": without_user(str(profile.backend.get("url", ""))), "model": _model_name(self._spec(profile)),
            "state": _state(place), "notice": None, "capabilities": None, "template": None,
            "context": None,
        }
        if out["kind"] == "embedded":
            out["kept"] = self.kept.describe()
        if out["kind"] == "embedded" and (missing := engine_missing()) is not None:
            out |= {"state": "error", "notice": missing.to_json()}
        if place is not None and place.error is not None:
            out["notice"] = place.error.what.to_json()
        if place is not None and place.capabilities is not None:
            out |= self._facts(profile, place.capabilities)
        return out

    async def pin(self, template_id: str) -> None:
        """The person's own choice of a template for the model in use. Raises NotFound."""
        self._library.template(template_id)
        profile = self.profile_of()
        place = await self._ready(profile, None)
        assert place.capabilities is not None
        pins = {**self._settings.get("template_pins"), pin_name(place.capabilities): template_id}
        self._settings.set("template_pins", pins)
        await self._formats.find(profile, place.capabilities, place.backend)   # checked now, and shown from now on
        self._tell()

    def keep_key(self, profile_id: str, where: Mapping[str, str]) -> None:
        """From now on the key of a profile that names none itself is found there."""
        kept = {**self._settings.get("profile_keys"), profile_id: ":".join(next(iter(where.items())))}
        self._settings.set("profile_keys", kept)
        self._tell()

    def forget_key(self, profile_id: str) -> None:
        """What was kept for a profile is not its key any more. The file or the keyring's entry stays."""
        kept = dict(self._settings.get("profile_keys"))
        if kept.pop(profile_id, None) is not None:
            self._settings.set("profile_keys", kept)

    def _spec(self, profile: Profile) -> Mapping[str, Any]:
        """What a profile says of its backend, with the place where its key is kept for it."""
        kind, _, name = str(self._settings.get("profile_keys").get(profile.id, "")).partition(":")
        named = any(profile.backend.get(field) for field in ("key_env", "key_file", "keyring"))
        spec = with_choice(profile.backend, str(self._settings.get("server_models").get(profile.id, "")))
        if named or kind not in ("key_file", "keyring") or profile.backend.get("kind") == "embedded":
            return spec
        return {**spec, kind: name}

    async def server(self, profile_id: object = None) -> RemoteBackend:
        """The server of a profile, whether or not a model of it can be used now. Raises BadInput for the engine."""
        profile = self.profile_of(profile_id)
        spec = self._spec(profile)
        if spec.get("kind") == "embedded":
            raise BadInput(notice("The profile {name} has a model inside this program, and no server.",
                                  name=profile.label or profile.id))
        place = await self._places.opened(_key(spec), self._made_of(spec))
        return cast("RemoteBackend", place.backend)

    def choose_model(self, profile_id: object, name: str) -> None:
        """From now on the server of a profile is asked for that model; "" where its server has but one at a time."""
        profile = self.profile_of(profile_id)
        self.look_anew(profile_id)
        choices = dict(self._settings.get("server_models"))
        choices.pop(profile.id, None)
        if name and name != str(profile.backend.get("model") or ""):
            choices[profile.id] = choice_of(profile.backend, name)
        self._settings.set("server_models", choices)
        self._tell()

    def look_anew(self, profile_id: object) -> None:
        """What was known of a profile's server does not hold any more."""
        if (place := self._places.get(_key(self._spec(self.profile_of(profile_id))))) is not None:
            place.forget()
        self._tell()

    def forget(self) -> None:
        """Look at the profiles anew; places that no profile needs any more are closed when another opens."""
        self._tell()

    def _facts(self, profile: Profile, capabilities: Capabilities) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "capabilities": capabilities.to_json(), "model": capabilities.model,
            "context": self._context(profile, capabilities),
        }
        found = self._formats.known(profile, capabilities)
        if isinstance(found, Format):
            facts["template"] = {
                "id": found.template.id, "label": found.template.label or found.template.id,
                "found_by": found.found_by, "why": found.why.to_json(),
                "findings": [finding.to_json() for finding in found.findings],
            }
        elif found is not None:
            facts |= {"notice": found.what.to_json(), "ask_template": True}
        return facts

    async def _ready(self, profile: Profile, on_status: StatusListener | None) -> Place:
        spec = self._spec(profile)
        await self._places.keep_only({_key(self._spec(p)) for p in self._profiles()} | {_key(spec)})
        return await self._places.ready(_key(spec), self._made_of(spec), on_status)

    def _profiles(self) -> list[Profile]:
        return [i.value for i in self._library.items("profiles") if isinstance(i.value, Profile)]

    def _made_of(self, spec: Mapping[str, Any]) -> Endpoint | EmbeddedModel:
        if spec.get("kind") != "embedded":
            return self.endpoint(spec)
        return EmbeddedModel(model_path(str(spec.get("model") or "starter")), engine_settings(spec))

    def endpoint(self, spec: Mapping[str, Any]) -> Endpoint:
        """The address with its key, read where the profile says. Raises BadInput, BackendError."""
        return endpoint_of(spec, self.environment, paths.config_dir())

    async def _template(self, profile: Profile, place: Place) -> tuple[Template, str]:
        """The format of a model. What was made of its own template, and what is wrong, is told when it is found."""
        assert place.capabilities is not None
        found, fresh = await self._formats.find(profile, place.capabilities, place.backend)
        if fresh:
            if found.found_by in ("derived", "jinja"):
                self._events.tell(found.why)
            for finding in found.findings:
                if finding.severity == "error":
                    self._events.tell(finding.what, "warning")
            self._tell()
        return found.template, found.found_by

    @staticmethod
    def _context(profile: Profile, capabilities: Capabilities) -> int:
        wanted = int(profile.backend.get("context_length") or 0)
        told = capabilities.context_length or wanted or ASSUMED_CONTEXT
        return min(told, wanted) if wanted else told

    def _tell(self) -> None:
        try:
            self._events.emit("connection", connection=self.describe())
        except NotFound as error:
            self._events.tell(error.what, "error")


def engine_missing() -> Notice | None:
    """What keeps the embedded engine from working here; None when nothing does. Loads nothing native."""
    from tui.engine import available

    return available()


def _state(place: Place | None) -> str:
    if place is None or (place.state == "ready" and not place.in_memory):
        return "idle"
    return place.state


def _key(spec: Mapping[str, Any]) -> str:
    return repr(sorted((k, str(v)) for k, v in spec.items()))


def _model_name(spec: Mapping[str, Any]) -> str:
    model = str(spec.get("model") or "")
    return Path(model).name if spec.get("kind") == "embedded" and model != "starter" else model


