"""GGUF models that are on this machine already, in the folders where other programs keep theirs."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from tui import paths
from tui.engine.gguf import MAGIC, split_parts
from tui.engine.names import read_name

_MAX_DEPTH = 6
_MAX_ENTRIES = 20_000
_MAX_MODELS = 1_000
_MAX_MANIFEST = 2**20
_OLLAMA_MODEL = "application/vnd.ollama.image.model"
_OLLAMA_PROJECTOR = "application/vnd.ollama.image.projector"


@dataclass(frozen=True, slots=True)
class FoundModel:
    """One model: all parts of a split one counted together, `path` being the first that is there, `missing` the names
    of those that are not. `place` is whose folder it was found in; `modified` in seconds since 1970; `projector` the
    file by which it sees pictures, where one lies beside it; `quant` what its name says of the quantisation."""

    path: Path
    size: int
    name: str
    place: str
    modified: float
    parts: int = 1
    missing: tuple[str, ...] = ()
    projector: Path | None = None
    quant: str = ""


@dataclass(frozen=True, slots=True)
class Folder:
    """A place to look. `depth` counts the levels of folders below it."""

    path: Path
    place: str
    depth: int = _MAX_DEPTH


def usual_folders(home: Path | None = None, env: Mapping[str, str] = os.environ) -> list[Folder]:
    """Where models usually lie, whether or not the folders are there."""
    home = home or Path.home()
    cache = Path(env.get("XDG_CACHE_HOME") or home / ".cache")
    share = Path(env.get("XDG_DATA_HOME") or home / ".local/share")
    hub = env.get("HF_HUB_CACHE") or env.get("HUGGINGFACE_HUB_CACHE") or (
        f"{env['HF_HOME']}/hub" if env.get("HF_HOME") else "")
    return [
        Folder(paths.data_dir() / "models", "Traktir"),
        Folder(home / "models", "models"),
        Folder(home / "Models", "models"),
        Folder(Path(env.get("LLAMA_CACHE") or cache / "llama.cpp"), "llama.cpp"),
        Folder(home / "Library/Caches/llama.cpp", "llama.cpp"),
        Folder(home / "llama.cpp/models", "llama.cpp"),
        Folder(Path(hub) if hub else cache / "huggingface/hub", "Hugging Face"),
        Folder(_lm_studio(home) / "models", "LM Studio"),
        Folder(cache / "lm-studio/models", "LM Studio"),
        Folder(home / "koboldcpp", "KoboldCpp", 2),
        Folder(home / "KoboldCpp", "KoboldCpp", 2),
        Folder(home / "text-generation-webui/models", "text-generation-webui"),
        Folder(home / "text-generation-webui/user_data/models", "text-generation-webui"),
        Folder(share / "nomic.ai/GPT4All", "GPT4All", 2),
        Folder(home / "jan/models", "Jan"),
        Folder(home / "Downloads", "Downloads", 1),
    ]


def _lm_studio(home: Path) -> Path:
    """LM Studio's folder: a file in the home may point elsewhere."""
    try:
        with (home / ".lmstudio-home-pointer").open(encoding="utf-8") as file:
            named = Path(file.read(4096).strip())
        return named if named.is_absolute() else home / ".lmstudio"
    except (OSError, ValueError):
        return home / ".lmstudio"


def scan(folders: Iterable[Path] | None = None, *, home: Path | None = None, usual: bool = True) -> list[FoundModel]:
    """Models in the usual places and in `folders`, each once, sorted by name. Folders that are absent or may
    not be read are passed over; the search is bounded in depth and number."""
    places = [Folder(folder.expanduser(), str(folder)) for folder in folders or ()]
    if usual:
        places += usual_folders(home)
    found: dict[Path, FoundModel] = {}
    for folder in places:
        for model in _in_folder(folder):
            found.setdefault(model.path.resolve(), model)
    if usual:
        for model in _ollama(home or Path.home(), os.environ):
            found.setdefault(model.path.resolve(), model)
    return sorted(found.values(), key=lambda model: (model.name.lower(), model.size))[:_MAX_MODELS]


def _in_folder(folder: Folder) -> Iterator[FoundModel]:
    models: list[Path] = []
    projectors: list[Path] = []
    for path in _files(folder):
        if path.name.lower().endswith(".gguf") and _is_model(path):
            (projectors if read_name(path.name).projector else models).append(path)
    told: set[Path] = set()
    for path in models:
        part, parts, all_parts = split_parts(path)
        if part > 1 and any(_is_model(before) for before in all_parts[:part - 1]):
            continue
        if all_parts[0] in told:
            continue
        told.add(all_parts[0])
        name = path.stem if parts == 1 else path.stem.removesuffix(f"-{part:05}-of-{parts:05}")
        yield _found(path, name, folder.place, all_parts, _beside(path, projectors))


def _beside(model: Path, projectors: Iterable[Path]) -> Path | None:
    """The projector in the same folder, the one whose name has most in common with the model's."""
    near = [path for path in projectors if path.parent == model.parent]

    def alike(path: Path) -> tuple[int, str]:
        plain = path.name.lower().replace("mmproj-", "").replace("mmproj", "")
        common = takewhile(lambda pair: pair[0] == pair[1], zip(plain, model.name.lower(), strict=False))
        return -sum(1 for _ in common), path.name

    return min(near, key=alike, default=None)


def projector_of(model: Path) -> Path | None:
    """The projector that came with a model: in its folder, and named like it, or named like nothing where the model is
    the only one there. Raises OSError."""
    files = [path for path in sorted(model.parent.iterdir()) if path.suffix.lower() == ".gguf" and _is_model(path)]
    projectors = [path for path in files if read_name(path.name).projector]
    others = [path for path in files if path not in projectors and split_parts(path)[0] <= 1]
    found = _beside(model, projectors)
    if found is None:
        return None
    named = _FAMILY.match(re.sub("mmproj-?", "", found.name.lower()))
    if named is not None and named[0] not in _PLAIN:
        return found if model.name.lower().startswith(named[0]) else None
    return found if len(others) <= 1 else None


#: What a file's name begins with, and beginnings that name a type or a purpose instead of a family.
_FAMILY = re.compile("[a-z]+[0-9]*")
_PLAIN = frozenset({"f16", "f32", "fp16", "fp32", "bf16", "q4", "q5", "q6", "q8", "model", "vision", "gguf"})


def _files(folder: Folder) -> Iterator[Path]:
    """Files below `folder`. Links are followed, but no folder is entered twice."""
    waiting = [(folder.path, 0)]
    entered: set[tuple[int, int]] = set()
    seen = 0
    while waiting:
        path, depth = waiting.pop()
        try:
            status = path.stat()
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            with os.scandir(path) as entries:
                for entry in entries:
                    seen += 1
                    if seen > _MAX_ENTRIES:
                        return
                    if entry.is_dir():
                        if depth < folder.depth and not entry.name.startswith("."):
                            waiting.append((Path(entry.path), depth + 1))
                    else:
                        yield Path(entry.path)
        except OSError:
            continue


def _is_model(path: Path) -> bool:
    """An ordinary file that begins as GGUF does; a pipe or a device is not even opened."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            return file.read(4) == MAGIC
    except OSError:
        return False


def _found(
    path: Path, name: str, place: str, parts: tuple[Path, ...], projector: Path | None = None,
) -> FoundModel:
    sizes = [part.stat().st_size for part in parts if part.is_file()]
    missing = tuple(part.name for part in parts if not part.is_file())
    return FoundModel(
        path, sum(sizes), name, place, path.stat().st_mtime, len(parts), missing, projector, read_name(path.name).label,
    )


def _ollama(home: Path, env: Mapping[str, str]) -> Iterator[FoundModel]:
    """Ollama keeps weights under digests; its manifests know their names."""
    for root in (env.get("OLLAMA_MODELS"), home / ".ollama/models", "/usr/share/ollama/.ollama/models",
                 "/var/lib/ollama/.ollama/models"):
        if not root:
            continue
        manifests = Path(root) / "manifests"
        for manifest in _files(Folder(manifests, "Ollama")):
            layers = _layers(manifest, Path(root) / "blobs")
            blob, projector = layers.get(_OLLAMA_MODEL), layers.get(_OLLAMA_PROJECTOR)
            if blob is not None and _is_model(blob):
                seen = projector if projector is not None and _is_model(projector) else None
                yield _found(blob, _ollama_name(manifest.relative_to(manifests)), "Ollama", (blob,), seen)


def _ollama_name(manifest: Path) -> str:
    """As Ollama itself shows it: without its own registry and library, with the tag behind a colon."""
    *maker, name, tag = manifest.parts if len(manifest.parts) > 1 else ("", *manifest.parts)
    if maker[-1:] in (["library"], [""]):
        maker = []
    elif maker[:1] == ["registry.ollama.ai"]:
        maker = maker[1:]
    return f"{'/'.join([*maker, name])}:{tag}"


def _layers(manifest: Path, blobs: Path) -> dict[str, Path]:
    """The files that a manifest names by plain digests, by their kind; of each kind the first."""
    try:
        if manifest.stat().st_size > _MAX_MANIFEST:
            return {}
        out: dict[str, Path] = {}
        for layer in json.loads(manifest.read_bytes())["layers"]:
            kind, _, number = str(layer["digest"]).partition(":")
            if kind.isalnum() and number.isalnum():
                out.setdefault(str(layer["mediaType"]), blobs / f"{kind}-{number}")
        return out
    except (OSError, ValueError, KeyError, TypeError):
        return {}
