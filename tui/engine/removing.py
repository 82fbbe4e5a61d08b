"""Deleting a downloaded model: only in Traktir's own folder and the hub's cache, and not while it is in use."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tui import paths
from tui.domain.errors import NotFound, Refused, StoreError
from tui.domain.notice import notice
from tui.engine.discover import usual_folders
from tui.engine.gguf import split_parts


@dataclass(frozen=True, slots=True)
class Removal:
    """What goes: all parts of a model, and in the cache the bytes that their names point to. `size` in bytes."""

    files: tuple[Path, ...]
    size: int

    def run(self) -> None:
        """Delete. Raises StoreError."""
        for path in self.files:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise StoreError(
                    notice("{file} cannot be deleted ({reason}).", file=str(path), reason=error.strerror or "?"),
                    "Look at who may write to its folder.", kind="io",
                ) from error


def plan_removal(model: Path) -> Removal:
    """What deleting `model` would delete. Raises NotFound, and Refused where the file is not ours to delete or a
    program has it open."""
    path = Path(os.path.abspath(model.expanduser()))
    if not path.is_file() or path.suffix.lower() != ".gguf":
        raise NotFound(notice("There is no model file {file}.", file=str(model)), "Check the path.")
    root = _root_of(path)
    files: list[Path] = []
    size = 0
    for part in split_parts(path)[2]:
        if not part.is_file():
            continue
        files.append(part)
        bytes_of = part.resolve()
        size += bytes_of.stat().st_size
        if part.is_symlink():
            if not bytes_of.is_relative_to(root.resolve()):
                raise _not_ours(part)
            if not _named_elsewhere(part, bytes_of, root):
                files.append(bytes_of)
    for user in _users({path.resolve() for path in files}):
        raise Refused(
            notice("{file} is in use by a running program (process {pid}).", file=path.name, pid=user),
            "Unload the model there first: `/unload`, or `traktir stop`.", kind="busy",
        )
    return Removal(tuple(files), size)


def _root_of(path: Path) -> Path:
    """The folder of ours or of the hub that holds `path`."""
    ours = paths.data_dir() / "models"
    caches = [folder.path for folder in usual_folders() if folder.place == "Hugging Face"]
    for root in (ours, *caches):
        if path.parent.resolve().is_relative_to(root.resolve()):
            return root
    raise _not_ours(path)


def _not_ours(path: Path) -> Refused:
    return Refused(
        notice("{file} lies neither in Traktir's own folder nor in the cache of the hub; it is not deleted.",
               file=str(path)),
        "Delete it with the program that put it there, or by hand.", kind="not_ours",
    )


def _named_elsewhere(link: Path, target: Path, root: Path) -> bool:
    """Whether another snapshot has a name for the same bytes."""
    repository = root / link.relative_to(root).parts[0] if link.is_relative_to(root) else link.parent
    return any(
        other != link and other.is_symlink() and other.resolve() == target
        for other in (repository / "snapshots").glob("**/*.gguf")
    )


def _users(files: set[Path]) -> list[int]:
    """Processes of this user that have one of `files` open or mapped, as far as the system tells."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            maps = (entry / "maps").read_text("utf-8", "replace")
            opened = {os.readlink(fd) for fd in (entry / "fd").iterdir()}
        except OSError:
            continue
        if any(str(path) in opened or f" {path}\n" in maps for path in files):
            found.append(int(entry.name))
    return found
