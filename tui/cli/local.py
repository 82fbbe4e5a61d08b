"""What commands that need no core use in its place."""

from __future__ import annotations

from tui import paths
from tui.core.library import Library


def library() -> Library:
    """Presets, characters and lorebooks of the user over those that ship."""
    return Library(paths.config_dir())
