"""The way in: an endpoint becomes a backend."""

from __future__ import annotations

from tui.backends.remote import RemoteBackend
from tui.domain.backend import Backend
from tui.domain.endpoint import Endpoint


def open_backend(endpoint: Endpoint) -> Backend:
    """A backend for `endpoint`, not yet connected. Raises BadInput for an address or a key that cannot be used."""
    return RemoteBackend(endpoint)
