"""GGUF models that are on this machine already, in the folders where other programs keep theirs."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tui import paths
from tui.engine.gguf import MAGIC, split_parts

_MAX_DEPTH = 6
_MAX_ENTRIES = 20_000
_MAX_MODELS = 1_000
_MAX_MANIFEST = 2**20
_OLLAMA_MODEL = "application/vnd.ollama.image.model"


@dataclass(frozen=True, slots=True)
class FoundModel:
    """One model: all parts of a split one counted together, `path` being the first. `place` is whose folder it
    was found in; `modified` in seconds since 1970."""

    path: Path
    size: int
    name: str
    place: str
    modified: float
    parts: int = 1


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
    hub = env.get("HF_HUB_CACHE") or (f"{env['HF_HOME']}/hub" if env.get("HF_HOME") else "")
    return [
        Folder(paths.data_dir() / "models", "Traktir"),
        Folder(home / "models", "models"),
        Folder(home / "Models", "models"),
        Folder(Path(env.get("LLAMA_CACHE") or cache / "llama.cpp"), "llama.cpp"),
        Folder(home / "Library/Caches/llama.cpp", "llama.cpp"),
        Folder(home / "llama.cpp/models", "llama.cpp"),
        Folder(Path(hub) if hub else cache / "huggingface/hub", "Hugging Face"),
        Folder(home / ".lmstudio/models", "LM Studio"),
        Folder(cache / "lm-studio/models", "LM Studio"),
        Folder(home / "koboldcpp", "KoboldCpp", 2),
        Folder(home / "KoboldCpp", "KoboldCpp", 2),
        Folder(home / "text-generation-webui/models", "text-generation-webui"),
        Folder(home / "text-generation-webui/user_data/models", "text-generation-webui"),
        Folder(share / "nomic.ai/GPT4All", "GPT4All", 2),
        Folder(home / "jan/models", "Jan"),
        Folder(home / "Downloads", "Downloads", 1),
    ]


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
    for path in _files(folder):
        name = path.name.lower()
        if not name.endswith(".gguf") or name.startswith("mmproj") or not _is_model(path):
            continue
        part, parts, all_parts = split_parts(path)
        if part == 1:
            yield _found(path, path.stem if parts == 1 else path.stem.removesuffix(f"-00001-of-{parts:05}"),
                         folder.place, all_parts)


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


def _found(path: Path, name: str, place: str, parts: tuple[Path, ...]) -> FoundModel:
    sizes = [part.stat().st_size for part in parts if part.is_file()]
    return FoundModel(path, sum(sizes), name, place, path.stat().st_mtime, len(parts))


def _ollama(home: Path, env: Mapping[str, str]) -> Iterator[FoundModel]:
    """Ollama keeps weights under digests; its manifests know their names."""
    for root in (env.get("OLLAMA_MODELS"), home / ".ollama/models", "/usr/share/ollama/.ollama/models"):
        if not root:
            continue
        for manifest in _files(Folder(Path(root) / "manifests", "Ollama")):
            blob = _weights_of(manifest, Path(root) / "blobs")
            if blob is not None and _is_model(blob):
                yield _found(blob, f"{manifest.parent.name}:{manifest.name}", "Ollama", (blob,))


def _weights_of(manifest: Path, blobs: Path) -> Path | None:
    """The file of weights that a manifest names, if it names one by a plain digest."""
    try:
        if manifest.stat().st_size > _MAX_MANIFEST:
            return None
        layers = json.loads(manifest.read_bytes())["layers"]
        digest = next(str(layer["digest"]) for layer in layers if layer["mediaType"] == _OLLAMA_MODEL)
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return None
    kind, _, number = digest.partition(":")
    return blobs / f"{kind}-{number}" if kind.isalnum() and number.isalnum() else None
