"""Files from the hub to the disk: on from where it was interrupted, checked against the hub's digests, into the cache
of huggingface-hub (so that other programs find them) or a folder.

Newer versions of huggingface-hub throw away what came when they are interrupted; of a model of 40 GB that is hours.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tui.domain.errors import BackendError, Refused, StoreError
from tui.domain.notice import notice
from tui.engine.hub import Choice, Listing, RemoteFile, asked, require

if TYPE_CHECKING:
    import httpx

#: Room that stays free on the disk, in bytes.
_SPARE = 64 * 2**20
_CHUNK = 1 << 20
#: Attempts that bring nothing new before it gives up, and seconds before the first repetition (doubled each time).
_ATTEMPTS, _PAUSE = 5, 0.5
_TIMEOUT = 30.0


class Stopped(Exception):
    """Somebody said stop. What came is kept."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes of all files together; `file` is the one at hand. `state` is checking (of what came before), loading, or
    done."""

    state: str
    file: str
    done: int
    total: int


@dataclass(slots=True)
class Pull:
    """One download. `to` is a folder, None for the hub's cache; `tell` hears of progress on the calling thread; setting
    `stop` ends it with Stopped, the sooner the faster the line."""

    listing: Listing
    choice: Choice
    to: Path | None = None
    tell: Callable[[Progress], None] = lambda progress: None
    stop: Event = field(default_factory=Event)
    pause: float = _PAUSE
    _before: int = 0

    def run(self) -> Path:
        """Download what is missing; returns the path of the first file. Raises Refused, BackendError, StoreError,
        Stopped."""
        require()
        paths = []
        with _disk_errors():
            self._check_space()
            self._note_commit()
            for file in self.choice.files:
                paths.append(self._one(file))
                self._before += file.size
        self._say("done", self.choice.files[-1], 0)
        return paths[0]

    def _one(self, file: RemoteFile) -> Path:
        target, link = self._places(file)
        if link is not None and link.is_file() and link.stat().st_size == file.size:
            self._say("loading", file, file.size)
            return link
        if target.is_file() and target.stat().st_size == file.size and (self.to is None or self._same(target, file)):
            self._say("loading", file, file.size)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            part = self._part(target)
            with _alone(part, file) as opened:
                self._fill(opened, file)
                opened.flush()
                os.fsync(opened.fileno())
                part.replace(target)
        return _linked(target, link) if link is not None else target

    def _places(self, file: RemoteFile) -> tuple[Path, Path | None]:
        """Where the bytes go, and in the cache the name that points there."""
        if self.to is not None:
            return self.to / file.name, None
        folder = repository_folder(self.listing.repo)
        return folder / "blobs" / file.digest, folder / "snapshots" / self.listing.commit / file.path

    def _note_commit(self) -> None:
        """In the cache: which commit `main` is, by which other programs find the files."""
        if self.to is None:
            main = repository_folder(self.listing.repo) / "refs/main"
            main.parent.mkdir(parents=True, exist_ok=True)
            main.write_text(self.listing.commit, "ascii")

    def _part(self, target: Path) -> Path:
        return target.with_name(f"{target.name}.incomplete")

    def _check_space(self) -> None:
        needed = 0
        for file in self.choice.files:
            target = self._places(file)[0]
            part = self._part(target)
            if not target.is_file() or target.stat().st_size != file.size:
                needed += file.size - min(file.size, part.stat().st_size if part.is_file() else 0)
        place = self._places(self.choice.files[0])[0].parent
        while not place.exists() and place != place.parent:
            place = place.parent
        free = shutil.disk_usage(place).free
        if needed and needed + _SPARE > free:
            raise Refused(
                notice("{needed} are still to come, and the disk of {folder} has {free} free.",
                       needed=_gigabytes(needed), folder=str(place), free=_gigabytes(free)),
                "Make room, choose a smaller quantisation, or another folder with --to.", kind="disk",
            )

    def _same(self, path: Path, file: RemoteFile) -> bool:
        with path.open("rb") as opened:
            return str(self._digest(opened, file)[0].hexdigest()) == file.digest

    def _digest(self, opened: IO[bytes], file: RemoteFile) -> tuple[Any, int]:
        """A running digest of what is there, and how much that is."""
        digest = hashlib.sha256() if len(file.digest) == 64 else hashlib.sha1(f"blob {file.size}\0".encode())
        length = 0
        while block := opened.read(_CHUNK * 8):
            digest.update(block)
            length += len(block)
            self._say("checking", file, min(length, file.size))
        return digest, length

    def _fill(self, opened: IO[bytes], file: RemoteFile) -> None:
        """Bring the part up to the whole file and compare digests."""
        opened.seek(0)
        digest, length = self._digest(opened, file)
        if length > file.size:
            opened.truncate(0)
            opened.seek(0)
            digest, length = self._digest(opened, file)
        import httpx

        failures = 0
        with httpx.Client(timeout=_TIMEOUT, follow_redirects=False) as client:
            while length < file.size:
                before = length
                try:
                    for block, start in self._blocks(client, file, length):
                        if start == 0 and length:                      # the server began anew
                            opened.truncate(0)
                            opened.seek(0)
                            digest, length = self._digest(opened, file)
                        block = block[:file.size - length]
                        opened.write(block)
                        digest.update(block)
                        length += len(block)
                        self._say("loading", file, length)
                    reason = ""
                except (httpx.HTTPError, httpx.StreamError) as error:
                    reason = str(error) or type(error).__name__
                failures = 0 if length > before else failures + 1
                if length < file.size:
                    self._wait_or_give_up(failures, reason, file)
        if digest.hexdigest() != file.digest:
            opened.truncate(0)
            raise BackendError(
                notice("What came for {file} is not what the hub lists: the checksum differs. It was thrown away.",
                       file=file.name),
                "Try again; if it happens twice, something between here and the hub changes files.", kind="checksum",
            )

    def _wait_or_give_up(self, failures: int, reason: str, file: RemoteFile) -> None:
        if failures >= _ATTEMPTS:
            raise BackendError(
                notice("The download of {file} broke off: {reason}.", file=file.name, reason=reason or "?"),
                "What came is kept; the same again goes on from there.", kind="network",
            )
        if self.stop.wait(self.pause * 2 ** max(0, failures - 1)):
            raise Stopped

    def _blocks(self, client: httpx.Client, file: RemoteFile, start: int) -> Iterator[tuple[bytes, int]]:
        """Bytes from `start` on, each block with the place where the answer began: 0 where the server did not want to
        go on. The address is asked for anew each time: signed ones expire."""
        url, headers = self._address(file)
        if start:
            headers["Range"] = f"bytes={start}-"
        with client.stream("GET", url, headers=headers) as response:
            if response.status_code not in (200, 206):
                if response.status_code >= 500 or response.status_code in (408, 416, 429):
                    return
                raise BackendError(
                    notice("The server of the hub's files answered with {status}.", status=response.status_code),
                    "Try again later; what came is kept.", kind="http",
                )
            begins = start if response.status_code == 206 else 0
            for block in response.iter_raw():
                if self.stop.is_set():
                    raise Stopped
                yield block, begins
                begins += len(block)

    def _address(self, file: RemoteFile) -> tuple[str, dict[str, str]]:
        """Where the bytes are, and the headers for there: the token goes to the hub itself and to nobody else."""
        from huggingface_hub import get_hf_file_metadata, get_token, hf_hub_url

        url = hf_hub_url(self.listing.repo, file.path, revision=self.listing.commit)
        found = asked(self.listing.repo, lambda: get_hf_file_metadata(url, timeout=_TIMEOUT))
        location = str(found.location or url)
        headers = {"Accept-Encoding": "identity", "User-Agent": "traktir"}
        token = get_token()
        if token and _origin(location) == _origin(url):
            headers["Authorization"] = f"Bearer {token}"
        return location, headers

    def _say(self, state: str, file: RemoteFile, done: int) -> None:
        if self.stop.is_set():
            raise Stopped
        self.tell(Progress(state, file.name, self._before + done, self.choice.size))


def repository_folder(repo: str) -> Path:
    """The folder of a repository in the cache of huggingface-hub."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}"


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _linked(target: Path, link: Path) -> Path:
    """A name in the snapshot that points to the bytes; where the system has no links, the bytes themselves."""
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.exists():
        link.unlink(missing_ok=True)
        try:
            link.symlink_to(os.path.relpath(target, link.parent))
        except OSError:
            target.replace(link)
    return link


@contextlib.contextmanager
def _alone(part: Path, file: RemoteFile) -> Iterator[IO[bytes]]:
    """The part opened for reading and appending, locked against a second download of the same."""
    with part.open("a+b") as opened:
        try:
            import fcntl

            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass
        except BlockingIOError:
            raise Refused(notice("{file} is being downloaded already.", file=file.name), kind="busy") from None
        yield opened


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            notice("The model cannot be written to the disk ({reason}).", reason=error.strerror or str(error)),
            "Look at the disk and at who may write there; what came is kept.", kind="io",
        ) from error


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


class Pace:
    """Bytes a second over the last seconds, from what is told of progress; and when it is time to tell it again."""

    def __init__(self, every: float = 0.25, window: float = 5.0) -> None:
        self._every, self._window = every, window
        self._samples: list[tuple[float, int]] = []
        self._last = -every

    def due(self, progress: Progress) -> bool:
        """Whether to tell: not more often than `every` seconds, but always that it is done."""
        now = time.monotonic()
        if progress.state == "done" or now - self._last >= self._every:
            self._last = now
            self._samples = [(at, done) for at, done in self._samples if at >= now - self._window]
            self._samples.append((now, progress.done))
            return True
        return False

    @property
    def speed(self) -> float:
        (since, before), (now, done) = self._samples[0], self._samples[-1]
        return (done - before) / (now - since) if now > since and done > before else 0.0
