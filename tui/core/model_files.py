"""The calls of the API about model files: those that are here, what fits, and downloads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tui.core.dispatch import Handler
from tui.core.memory_fit import fits
from tui.core.pulls import Pulls
from tui.core.settings import Settings
from tui.domain.errors import BadInput, TraktirError
from tui.domain.notice import notice

#: Models of which the metadata are read for a list; more are told by their names.
_DESCRIBED = 200
#: Descriptions that are kept.
_KEPT = 500


class ModelFiles:
    """`models.scan`, `models.describe`, `models.choices`, `models.pull`, `models.pulls`, `models.stop_pull`,
    `models.remove`."""

    def __init__(self, settings: Settings, pulls: Pulls) -> None:
        self._settings = settings
        self._pulls = pulls
        self._known: dict[tuple[str, int, float], Mapping[str, Any]] = {}

    def handlers(self) -> dict[str, Handler]:
        return {
            "models.scan": self.scan, "models.describe": self.describe, "models.choices": self.choices,
            "models.pull": self.pull, "models.pulls": self.pulls, "models.stop_pull": self.stop_pull,
            "models.remove": self.remove,
        }

    async def scan(self, folders: list[str] | None = None) -> dict[str, Any]:
        """GGUF files in the usual folders, in those of the setting `model_folders` and in `folders`; each with whether
        it fits: `verdict` is fits, tight, too_large or unknown."""
        extra = [Path(f).expanduser() for f in (*self._settings.get("model_folders"), *(folders or ()))]
        return {"models": await asyncio.to_thread(self._scan, extra)}

    async def describe(self, path: str) -> dict[str, Any]:
        """All that a file tells of itself, and how it fits at a few contexts."""
        return await asyncio.to_thread(_described, Path(path).expanduser())

    async def choices(self, repo: str) -> dict[str, Any]:
        """The quantisations of a repository of the hub, with sizes and whether they fit."""
        from tui.engine import hub
        from tui.engine.room import look

        name, quant = hub.split_name(repo)
        listing = await asyncio.to_thread(hub.list_repository, name)
        room = await asyncio.to_thread(look)
        return {
            "repo": name, "quant": quant,
            "choices": [
                {"quant": choice.label, "size": choice.size, "imatrix": choice.imatrix, "parts": len(choice.files),
                 "missing": list(choice.missing),
                 "fits": None if room.main is None else fits(choice.size, max(room.main, room.gpu))}
                for choice in listing.choices
            ],
        }

    async def pull(self, repo: str, to: str = "") -> dict[str, Any]:
        """Begin a download of `maker/repository:quantisation`. Events of the type `pull` tell how it goes on."""
        from tui.engine import hub

        name, quant = hub.split_name(repo)
        if not quant:
            raise BadInput(notice("The quantisation is missing, as in {name}:Q4_K_M.", name=name), field="repo")
        listing = await asyncio.to_thread(hub.list_repository, name)
        job = self._pulls.start(listing, hub.pick(listing, quant), Path(to).expanduser() if to else None)
        return {"pull": job.to_json()}

    async def pulls(self) -> dict[str, Any]:
        return {"pulls": self._pulls.all()}

    async def stop_pull(self, id: str) -> dict[str, Any]:  # noqa: A002
        """Stop a download. What came is kept, and the same download later goes on from there."""
        return {"pull": (await self._pulls.cancel(id)).to_json()}

    async def remove(self, path: str, really: bool = False) -> dict[str, Any]:
        """What deleting a downloaded model would delete; with `really`, delete it. There is no way back."""
        from tui.engine.removing import plan_removal

        going = await asyncio.to_thread(plan_removal, Path(path))
        if really:
            await asyncio.to_thread(going.run)
        return {"files": [str(file) for file in going.files], "size": going.size, "removed": really}

    def _scan(self, extra: list[Path]) -> list[dict[str, Any]]:
        from tui.engine.discover import scan
        from tui.engine.room import look

        room = look()
        out = []
        for number, model in enumerate(scan(extra)):
            stamp = (str(model.path), model.size, model.modified)
            told: Mapping[str, Any] = self._known.get(stamp, {})
            if not told and number < _DESCRIBED and not model.missing:
                told = self._known[stamp] = _short(model.path)
                for old in list(self._known)[:-_KEPT]:
                    del self._known[old]
            verdict = _verdict(told, model.size, room)
            out.append({
                "path": str(model.path), "name": model.name, "size": model.size, "place": model.place,
                "parts": model.parts, "missing": list(model.missing),
                "projector": str(model.projector) if model.projector else "",
                "family": told.get("family", ""), "quant": told.get("quant") or model.quant,
                "context": told.get("context"), "verdict": verdict,
                "fits": None if verdict == "unknown" else verdict != "too_large",
            })
        return out


def _short(path: Path) -> dict[str, Any]:
    """What a list shows of a model, and what is needed to see whether it fits; empty where it cannot be read."""
    from tui.engine.about import quantisation
    from tui.engine.advice import facts_of
    from tui.engine.gguf import read_metadata

    try:
        info = read_metadata(path)
        return {
            "family": info.architecture[:40], "quant": quantisation(info).told, "context": info.context_length,
            "facts": facts_of(info),
        }
    except TraktirError:
        return {}


def _verdict(told: Mapping[str, Any], size: int, room: Any) -> str:
    from tui.engine.advice import fit

    if "facts" in told:
        return fit(told["facts"], room).verdict
    if room.main is None:
        return "unknown"
    return "fits" if fits(size, max(room.main, room.gpu)) else "too_large"


def _described(path: Path) -> dict[str, Any]:
    from tui.engine.about import about
    from tui.engine.advice import facts_of, fit, fits_at
    from tui.engine.gguf import read_metadata
    from tui.engine.room import look

    info = read_metadata(path)
    facts = facts_of(info)
    room = look()
    return {
        "about": about(info), "fit": fit(facts, room).to_json(),
        "fits": [one.to_json() for one in fits_at(facts, room)],
        "gpu": room.gpus[0].name if room.gpus else "", "idle_gpu": room.idle_gpus[0].name if room.idle_gpus else "",
    }
