"""The models of a server: which there are, which are loaded, and having another one loaded or taken out.

Each kind of server that knows of this has functions of these shapes in its own module, collected in
`tui.backends.rosters`. All of them raise BackendError.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tui.backends.http import Http
from tui.domain.backend import Status
from tui.domain.endpoint import Endpoint

ModelState = Literal["loaded", "loading", "unloaded", "unknown"]
LOAD_SECONDS = 1800.0
"""How long a model may take until it is loaded: a large one from a slow disk, or one that is downloaded first."""


@dataclass(frozen=True, slots=True)
class ServerModel:
    """One model that a server has. `context` (tokens) is what it is or will be loaded with, None where nobody says.
    `details` are facts of its kind of server (size, quantisation, progress, price)."""

    id: str
    state: ModelState = "unknown"
    context: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "state": self.state, "context": self.context, "details": dict(self.details)}


OnStatus = Callable[[Status], Awaitable[None]]
ListModels = Callable[[Http, Endpoint], Awaitable[tuple[ServerModel, ...]]]
LoadModel = Callable[[Http, Endpoint, str, OnStatus], Awaitable[None]]
UnloadModel = Callable[[Http, Endpoint, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Roster:
    """What can be done about the models of one kind of server. `load` returns when the model can be used; None where
    the server has what it has, or takes whatever a request names. `named` says that requests name their model."""

    models: ListModels
    load: LoadModel | None = None
    unload: UnloadModel | None = None
    named: bool = False
