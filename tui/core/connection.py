"""Which model answers: profiles become backends, backends tell what they are, a template is chosen for them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tui import paths, resources
from tui.core.counting import TokenCounts
from tui.core.events import EventHub
from tui.core.library import Library
from tui.core.settings import Settings
from tui.domain.backend import Backend, Capabilities, Status
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError, BadInput, NotFound, Refused, TraktirError
from tui.domain.notice import Notice, notice
from tui.domain.profile import Profile
from tui.domain.prompt.detect import choose_template
from tui.domain.template import Template

#: Assumed where a server does not tell its window; said aloud.
ASSUMED_CONTEXT = 4096
StatusListener = Callable[[Status], None]


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


@dataclass
class _Place:
    """One backend that was opened, and what is known of it."""

    backend: Backend
    counts: TokenCounts = field(default_factory=TokenCounts)
    capabilities: Capabilities | None = None
    state: str = "idle"                           # idle, loading, ready, error
    error: TraktirError | None = None
    used: float = field(default_factory=time.monotonic)


class Connection:
    """Opens backends when they are first needed and keeps them; an embedded model gives way to another."""

    def __init__(self, library: Library, settings: Settings, events: EventHub) -> None:
        self._library = library
        self._settings = settings
        self._events = events
        self._places: dict[str, _Place] = {}
        self._opening = asyncio.Lock()
        self.environment: dict[str, str] = dict(os.environ)

    def profile_of(self, profile_id: object = None) -> Profile:
        """The profile by id, or the default one. Raises NotFound."""
        return self._library.profile(str(profile_id or self._settings.get("profile")))

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
            template, found_by = self._template(profile, place.capabilities)
        place.used = time.monotonic()
        return Link(
            profile, place.backend, place.capabilities, template, found_by,
            self._context(profile, place.capabilities), place.counts,
        )

    def wanted_variables(self) -> list[str]:
        """The variables that profiles name for their keys and that are not set here: a client may have them."""
        values = (item.value for item in self._library.items("profiles"))
        named = {str(p.backend.get("key_env") or "") for p in values if isinstance(p, Profile)}
        return sorted(named - self.environment.keys() - {""})

    async def unload(self) -> bool:
        """Take the embedded model out of memory. Returns whether there was one."""
        from tui.engine.proxy import EmbeddedEngine

        unloaded = False
        for place in self._places.values():
            if isinstance(place.backend, EmbeddedEngine) and place.backend.loaded:
                await place.backend.unload()
                place.state, place.capabilities, unloaded = "idle", None, True
        if unloaded:
            self._tell()
        return unloaded

    async def unload_idle(self) -> None:
        """Unload when nothing was asked for longer than the settings allow."""
        minutes = self._settings.get("unload_minutes")
        latest = max((p.used for p in self._places.values()), default=0.0)
        if minutes and time.monotonic() - latest > minutes * 60:
            await self.unload()

    def touch(self, link: Link) -> None:
        """Note that a backend was just used."""
        for place in self._places.values():
            if place.backend is link.backend:
                place.used = time.monotonic()

    async def close(self) -> None:
        await asyncio.gather(*(p.backend.close() for p in self._places.values()), return_exceptions=True)
        self._places.clear()

    def describe(self, profile_id: object = None) -> dict[str, Any]:
        """What the connection screen shows; looks, but does not connect."""
        profile = self.profile_of(profile_id)
        place = self._places.get(_key(profile.backend))
        out: dict[str, Any] = {
            "profile": profile.id, "label": profile.label or profile.id, "kind": profile.backend.get("kind", "auto"),
            "url": str(profile.backend.get("url", "")), "model": _model_name(profile),
            "state": place.state if place else "idle", "notice": None, "capabilities": None, "template": None,
            "context": None,
        }
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
        capabilities = (await self._ready(self.profile_of(), None)).capabilities
        assert capabilities is not None
        pins = {**self._settings.get("template_pins"), _pin_name(capabilities): template_id}
        self._settings.set("template_pins", pins)
        self._tell()

    def forget(self) -> None:
        """Look at the profiles anew; places that no profile needs any more are closed when another opens."""
        self._tell()

    def _facts(self, profile: Profile, capabilities: Capabilities) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "capabilities": capabilities.to_json(), "model": capabilities.model,
            "context": self._context(profile, capabilities),
        }
        try:
            template, found_by = self._template(profile, capabilities)
            facts["template"] = {"id": template.id, "label": template.label or template.id, "found_by": found_by}
        except TraktirError as error:
            facts |= {"notice": error.what.to_json(), "ask_template": True}
        return facts

    async def _ready(self, profile: Profile, on_status: StatusListener | None) -> _Place:
        async with self._opening:
            place = self._place(profile)
            await self._give_way(place)
            if place.capabilities is None or not _still_there(place.backend):
                await self._open(place, on_status)
            return place

    async def _open(self, place: _Place, on_status: StatusListener | None) -> None:
        place.state, place.error = "loading", None
        self._tell()
        try:
            loader = getattr(place.backend, "load", None)
            if loader is not None:
                await loader(on_status)
            place.capabilities = await place.backend.capabilities()
            place.state = "ready"
        except TraktirError as error:
            place.state, place.error, place.capabilities = "error", error, None
            raise
        finally:
            self._tell()

    async def _give_way(self, wanted: _Place) -> None:
        """Two embedded models at once would need the memory of both."""
        from tui.engine.proxy import EmbeddedEngine

        if not isinstance(wanted.backend, EmbeddedEngine):
            return
        for place in self._places.values():
            if place is not wanted and isinstance(place.backend, EmbeddedEngine) and place.backend.loaded:
                await place.backend.unload()
                place.state, place.capabilities = "idle", None

    def _place(self, profile: Profile) -> _Place:
        key = _key(profile.backend)
        if key not in self._places:
            self._places[key] = _Place(self._backend(profile))
        return self._places[key]

    def _backend(self, profile: Profile) -> Backend:
        spec = profile.backend
        if spec.get("kind") == "embedded":
            return self._engine(spec)
        from tui.backends.connect import open_backend

        return open_backend(self.endpoint(spec))

    def _engine(self, spec: Mapping[str, Any]) -> Backend:
        from tui.engine import available
        from tui.engine.proxy import EmbeddedEngine
        from tui.engine.settings import EngineSettings

        if (problem := available()) is not None:
            raise BackendError(problem, kind="engine_missing")
        model = model_path(str(spec.get("model") or "starter"))
        settings = EngineSettings(
            n_ctx=int(spec.get("context_length") or 0), n_gpu_layers=int(spec.get("gpu_layers", -1)),
            n_threads=int(spec.get("threads") or 0),
        )
        return EmbeddedEngine(
            model, settings=settings, state_dir=paths.data_dir() / "engine",
            log_path=paths.log_dir() / "engine.log", env=self.environment,
        )

    def endpoint(self, spec: Mapping[str, Any]) -> Endpoint:
        """The address with its key, read from the file or variable that the profile names. Raises BadInput."""
        return Endpoint(
            url=str(spec.get("url") or ""), kind=spec.get("kind") or "auto", model=str(spec.get("model") or ""),
            api_key=self._key_for(spec), mode=spec.get("mode") or "auto",
            context_length=int(spec["context_length"]) if spec.get("context_length") else None,
        )

    def _key_for(self, spec: Mapping[str, Any]) -> str:
        if name := str(spec.get("key_env") or ""):
            if name not in self.environment:
                raise BackendError(
                    notice("The key for this server should be in the variable {name}, which is not set where the "
                           "core was started.", name=name),
                    notice("Set it and start Traktir again, or name a key file."), kind="key_missing",
                )
            return self.environment[name]
        if name := str(spec.get("key_file") or ""):
            try:
                return Path(name).expanduser().read_text("utf-8").strip()
            except (OSError, ValueError) as error:
                raise BadInput(notice("The key file {file} cannot be read.", file=name), file=name) from error
        return ""

    def _template(self, profile: Profile, capabilities: Capabilities) -> tuple[Template, str]:
        pinned = self._settings.get("template_pins").get(_pin_name(capabilities))
        if pinned:
            return self._library.template(str(pinned)), "pinned"
        if profile.template != "auto":
            return self._library.template(profile.template), "profile"
        choice = choose_template(
            self._library.templates(), jinja=capabilities.chat_template, name=capabilities.model
        )
        if choice.template is not None:
            return choice.template, choice.found_by
        if capabilities.chat_completion and not capabilities.text_completion:
            return self._library.template("chatml"), "server"
        raise Refused(
            choice.why, notice("Choose one with /template NAME; the choice is kept for this model."),
            kind="template_unknown", model=capabilities.model,
        )

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


def model_path(name: str) -> Path:
    """The GGUF file that a profile names; `starter` is the one that ships."""
    return resources.starter_model() if name == "starter" else Path(name).expanduser()


def _still_there(backend: Backend) -> bool:
    """Whether an embedded model is still in memory; a server is asked when it is used."""
    return bool(getattr(backend, "loaded", True))


def _key(spec: Mapping[str, Any]) -> str:
    return repr(sorted((k, str(v)) for k, v in spec.items()))


def _pin_name(capabilities: Capabilities) -> str:
    return capabilities.model or capabilities.dialect


def _model_name(profile: Profile) -> str:
    model = str(profile.backend.get("model") or "")
    return model if model == "starter" else Path(model).name


