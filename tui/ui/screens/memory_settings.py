"""The settings of memory: what it may take of the window, and what makes vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tui.domain.errors import BadInput
from tui.i18n import tr
from tui.ui.widgets.form import Field

#: Settings that are numbers, with what one of them is on the screen: shares are percents there.
NUMBERS: Mapping[str, float] = {"recall_share": 100.0, "memory_share": 100.0, "recall_passages": 1.0}
TEXTS = frozenset({"embedding_model", "embedding_server", "embedding_key_file"})


def memory_fields(core: Mapping[str, Any]) -> Sequence[Field]:
    """The fields, with what the core has now."""
    on = "yes" if core.get("recall") is True else "no"
    return (
        Field("recall", tr("Recall what left the prompt"), on,
              tr("Passages of long ago and of documents come back where they matter."), "choice",
              (("yes", tr("on")), ("no", tr("off")))),
        Field("recall_share", tr("Percent of the window for what is recalled"), _shown(core, "recall_share")),
        Field("recall_passages", tr("Passages recalled at most on a turn"), _shown(core, "recall_passages")),
        Field("memory_share", tr("Percent of the window for memory as a whole"), _shown(core, "memory_share"),
              tr("pinned facts, summaries and what is recalled")),
        Field("embedding_model", tr("Model that makes vectors"), str(core.get("embedding_model") or ""),
              tr("a GGUF file, or its name on the server; empty: found by words alone")),
        Field("embedding_server", tr("Server that makes vectors"), str(core.get("embedding_server") or ""),
              tr("its address; empty: the model inside, if one is named")),
        Field("embedding_key_file", tr("File with that server's key"), str(core.get("embedding_key_file") or "")),
    )


def memory_value(name: str, typed: str) -> float | str:
    """What was typed as the setting has it. Raises BadInput."""
    if name in TEXTS:
        return typed.strip()
    try:
        return float(typed.strip().rstrip("%").strip().replace(",", ".")) / NUMBERS[name]
    except ValueError:
        raise BadInput("That must be a number.") from None


def _shown(core: Mapping[str, Any], name: str) -> str:
    value = core.get(name)
    return f"{float(value) * NUMBERS[name]:g}" if isinstance(value, (int, float)) else ""
