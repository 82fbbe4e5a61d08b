"""Models on the Hugging Face hub: which quantisations a repository has, and why it will not show them.

huggingface-hub asks the hub and knows the user's token (`HF_TOKEN`, or its stored login); it is imported when the first
question is asked. The files themselves come through `tui.engine.transfer`, which can go on where it was interrupted.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from tui.domain.cleantext import clean_line
from tui.domain.errors import BackendError, BadInput, NotFound, Refused
from tui.domain.notice import notice
from tui.engine.names import read_name

_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")
_MOST_FILES = 5000
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository. `digest` is the SHA-256 of its bytes, or where the hub keeps it without LFS, git's SHA-1
    (40 digits)."""

    path: str
    size: int
    digest: str

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


@dataclass(frozen=True, slots=True)
class Choice:
    """One quantisation: all its parts. `missing` are parts that the repository lacks."""

    label: str
    files: tuple[RemoteFile, ...]
    imatrix: bool = False
    missing: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at the revision `commit`; `projectors` are its mmproj files."""

    repo: str
    commit: str
    choices: tuple[Choice, ...]
    projectors: tuple[RemoteFile, ...] = ()


def split_name(text: str) -> tuple[str, str]:
    """`maker/repository[:quantisation]`, or an address of the hub, as (repository, quantisation). Raises BadInput."""
    name = text.strip()
    for start in ("https://", "http://"):
        name = name.removeprefix(start)
    for host in ("huggingface.co/", "hf.co/", "www.huggingface.co/"):
        name = name.removeprefix(host)
    name, _, quant = name.partition(":")
    name = "/".join(name.strip("/").split("/")[:2])
    if not _REPO.fullmatch(name) or ".." in name or "--" in name or not re.fullmatch(r"[\w.-]{0,100}", quant):
        raise BadInput(
            notice("{name} is not the name of a repository.", name=clean_line(text, 80)),
            "It reads maker/repository, with :quantisation behind it, as in bartowski/Some-Model-GGUF:Q4_K_M.",
            field="repo",
        )
    return name, quant


def available() -> bool:
    """Whether huggingface-hub is installed."""
    return importlib.util.find_spec("huggingface_hub") is not None


def require() -> None:
    """Raises Refused that says how to get it where huggingface-hub is missing."""
    if not available():
        raise Refused(
            "To download models, the package huggingface-hub is needed; it is not installed.",
            "pip install 'traktir[llama]' brings it; or download a .gguf file by other means and give its path.",
        )


def list_repository(repo: str) -> Listing:
    """The GGUF files of a repository by quantisation, small ones first. Asks the hub and waits for it. Raises Refused,
    NotFound, BackendError."""
    require()
    from huggingface_hub import HfApi

    info = asked(repo, lambda: HfApi().model_info(repo, files_metadata=True, timeout=_PATIENCE))
    commit = str(info.sha or "")
    if not _SHA1.fullmatch(commit):
        raise BackendError(notice("The hub's answer on {repo} is not what it should be.", repo=repo), kind="format")
    files = [file for sibling in list(info.siblings or ())[:_MOST_FILES] if (file := _file(sibling)) is not None]
    models = [file for file in files if not read_name(file.name).projector]
    if not models:
        raise NotFound(
            notice("{repo} has no GGUF files.", repo=repo),
            "The same model converted to GGUF is often in another repository, with GGUF in its name.",
        )
    return Listing(
        repo, commit, tuple(sorted(_choices(models), key=lambda choice: choice.size)),
        tuple(file for file in files if read_name(file.name).projector),
    )


def pick(listing: Listing, quant: str) -> Choice:
    """The quantisation of that name. Raises NotFound that names those there are."""
    wanted = quant.casefold()
    for which in range(4):
        found = [choice for choice in listing.choices if _names(choice)[which].casefold() == wanted]
        if len(found) == 1:
            return _whole(found[0])
        if found:
            raise BadInput(notice(
                "{name} is more than one model there: {names}. Give the name of the file.",
                name=quant, names=", ".join(choice.files[0].name for choice in found[:8]),
            ), field="quant")
    raise NotFound(notice(
        "{repo} has no quantisation {name}. It has: {names}.", repo=listing.repo, name=quant[:40],
        names=", ".join(choice.label for choice in listing.choices[:40]),
    ))


def _names(choice: Choice) -> tuple[str, str, str, str]:
    """What a choice may be called by, the plainest first."""
    file = choice.files[0].name
    return choice.label, choice.label.removeprefix("UD-").removeprefix("i1-"), file, file.removesuffix(".gguf")


def asked(repo: str, question: Any) -> Any:
    """What `question` gets from the hub, its failures in words. Raises Refused, NotFound, BackendError."""
    from huggingface_hub import errors

    try:
        return question()
    except errors.GatedRepoError:
        raise Refused(
            notice("{repo} is gated: its makers let in only those who accepted their terms.", repo=repo),
            notice(
                "Accept them at {url}, make a token in the settings there, and give it in the variable HF_TOKEN or with"
                " `hf auth login`.", url=f"https://huggingface.co/{repo}",
            ), kind="gated",
        ) from None
    except errors.RepositoryNotFoundError:
        raise NotFound(
            notice("The hub has no repository {repo}, or it is private and the token at hand does not open it.",
                   repo=repo),
            "Look at the spelling. For a private one, set HF_TOKEN or log in with `hf auth login`.",
        ) from None
    except (errors.EntryNotFoundError, errors.RevisionNotFoundError):
        raise NotFound(notice("{repo} no longer has what was asked for; list it again.", repo=repo)) from None
    except errors.HfHubHTTPError as error:
        raise _http_error(repo, getattr(getattr(error, "response", None), "status_code", 0)) from None
    except Exception as error:                                          # each version has its own network library
        if isinstance(error, (KeyboardInterrupt, MemoryError)) or not _is_network(error):
            raise
        raise BackendError(
            notice("The hub cannot be reached: {reason}.", reason=clean_line(str(error), 120) or type(error).__name__),
            "Look at the network (and at HF_ENDPOINT, if it is set), then try again.", kind="network",
        ) from None


def _http_error(repo: str, status: int) -> BackendError:
    if status in (401, 403):
        return BackendError(
            notice("The hub does not let this token see {repo} ({status}).", repo=repo, status=status),
            "Look at HF_TOKEN and what it is allowed to read, or log in with `hf auth login`.", kind="auth",
        )
    if status == 429:
        return BackendError(notice("The hub wants fewer questions for now ({status}).", status=status),
                            "Wait a minute, then try again.", kind="busy")
    return BackendError(notice("The hub answered with {status}.", status=status), "Try again later.", kind="http")


def _is_network(error: Exception) -> bool:
    names = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return isinstance(error, (OSError, ValueError)) or bool(names & {"httpx", "httpx2", "httpcore", "requests"})


def _file(sibling: Any) -> RemoteFile | None:
    """A GGUF file with a path, a size and a digest that can be trusted in file names; else None."""
    path, size, lfs = str(sibling.rfilename), sibling.size, sibling.lfs
    digest = (lfs.get("sha256") if isinstance(lfs, dict) else getattr(lfs, "sha256", None)) if lfs else sibling.blob_id
    parts = path.split("/")
    sound = (
        path.lower().endswith(".gguf") and len(path) < 300 and path == clean_line(path, 300) and "\\" not in path
        and ":" not in path and not any(part in ("", ".", "..") for part in parts)
    )
    if not sound or not isinstance(size, int) or size < 0 or not isinstance(digest, str):
        return None
    return RemoteFile(path, size, digest) if _SHA256.fullmatch(digest) or _SHA1.fullmatch(digest) else None


def _choices(files: Iterable[RemoteFile]) -> list[Choice]:
    groups: dict[tuple[str, str, str], list[RemoteFile]] = {}
    for file in files:
        name = read_name(file.name)
        folder = str(PurePosixPath(file.path).parent)
        groups.setdefault((folder if name.parts > 1 else "", name.model, name.label), []).append(file)
    out = []
    for members in groups.values():
        members.sort(key=lambda file: file.name)
        name = read_name(members[0].name)
        have = {read_name(file.name).part for file in members}
        missing = tuple(
            f"{members[0].name[:-len('-00001-of-00001.gguf')]}-{part:05}-of-{name.parts:05}.gguf"
            for part in range(1, min(name.parts, 999) + 1) if part not in have
        ) if name.parts > 1 else ()
        out.append(Choice(name.label or name.model, tuple(members), name.imatrix, missing))
    return out


def _whole(choice: Choice) -> Choice:
    if choice.missing:
        raise NotFound(
            notice("The repository lacks {file}: this model is not whole there.", file=choice.missing[0]),
            "Choose another quantisation or another repository.",
        )
    return choice
