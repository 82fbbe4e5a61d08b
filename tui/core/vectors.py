"""Vectors of passages, by an embedding model or server where the person has named one: what is like in meaning is found
without a word in common. They are made while nobody waits and kept in the store; nothing here can fail a turn."""

from __future__ import annotations

import array
import asyncio
import hashlib
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from operator import mul
from typing import TYPE_CHECKING

from tui import paths
from tui.core.backend_spec import model_path
from tui.core.events import EventHub
from tui.core.settings import Settings
from tui.domain.endpoint import Endpoint
from tui.domain.errors import StoreError, TraktirError
from tui.domain.notice import notice
from tui.domain.recall import Passage, PassageIndex
from tui.store import Store

if TYPE_CHECKING:
    from tui.domain.embedding import Embedder

#: Passages without a vector that a turn waits for; more are made afterwards, so many at a time.
_AT_ONCE, _BATCH = 16, 32
#: Seconds that a turn waits for the vectors that it needs, and that work nobody waits for gives way in.
_PATIENCE, _PAUSE = 20.0, 0.5
#: Characters of a text of which a vector is made.
_LONGEST = 4_000
_log = logging.getLogger(__name__)
_Floats = array.array


class Vectors:
    """One embedder at a time, as the settings say: `embedding_server` (with `embedding_model` its model's name) or
    `embedding_model`, a GGUF file."""

    def __init__(
        self, store: Store, settings: Settings, endpoint: Callable[[Mapping[str, str]], Endpoint], events: EventHub,
        busy: Callable[[], bool],
    ) -> None:
        self._store = store
        self._settings = settings
        self._endpoint = endpoint
        self._events = events
        self._busy = busy
        self._name = ""
        self._embedder: Embedder | None = None
        self._known: dict[bytes, _Floats[float]] = {}
        self._task: asyncio.Task[None] | None = None
        self._told = ""

    async def likenesses(
        self, query: str, index: PassageIndex, texts: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str, int], float]:
        """How like the passages of `texts` are to a query (cosine), of those that have a vector; none where there is
        no embedder, or it fails."""
        if not query.strip() or await self._ready() is None:
            return {}
        wanted = set(texts)
        passages = {self._key(p.text): p for p in index.passages if p.key[:2] in wanted}
        try:
            async with asyncio.timeout(_PATIENCE):
                own = self._key(query)
                await self._read([key for key in (own, *passages) if key not in self._known])
                missing = [(key, p.text) for key, p in passages.items() if key not in self._known]
                await self._make([(own, query), *(missing if len(missing) <= _AT_ONCE else ())])
        except (TraktirError, TimeoutError) as error:
            self._tell(error)
            return {}
        if len(missing) > _AT_ONCE:
            self._later(missing)
        return await asyncio.to_thread(self._compare, own, passages)

    def _compare(self, own: bytes, passages: Mapping[bytes, Passage]) -> dict[tuple[str, str, int], float]:
        asked = self._known.get(own)
        if asked is None:
            return {}
        return {
            passage.key: sum(map(mul, asked, vector))
            for key, passage in passages.items()
            if (vector := self._known.get(key)) is not None and len(vector) == len(asked)
        }

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._embedder is not None:
            await self._embedder.close()

    async def settled(self) -> None:
        """Wait until there is nothing more to make."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _ready(self) -> Embedder | None:
        """What the settings name now; another one than before begins with nothing known."""
        server, model = str(self._settings.get("embedding_server")), str(self._settings.get("embedding_model"))
        name = f"{server}\n{model}" if server or model else ""
        if name == self._name:
            return self._embedder
        await self.close()
        self._name, self._embedder, self._known, self._told = name, None, {}, ""
        try:
            self._embedder = self._opened(server, model) if name else None
        except TraktirError as error:
            self._tell(error)
        return self._embedder

    def _opened(self, server: str, model: str) -> Embedder:
        if server:
            from tui.backends.embedding import RemoteEmbedder

            key_file = str(self._settings.get("embedding_key_file"))
            spec = {"url": server, "model": model, **({"key_file": key_file} if key_file else {})}
            return RemoteEmbedder(self._endpoint(spec))
        from tui.engine.embedding import EmbeddingEngine

        return EmbeddingEngine(model_path(model), log_path=paths.log_dir() / "embedding.log")

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(f"{self._name}\0{text}".encode("utf-8", "surrogatepass")).digest()

    async def _read(self, keys: Sequence[bytes]) -> None:
        for key, packed in (await self._store.vectors(keys)).items():
            vector = array.array("f")
            vector.frombytes(packed[:len(packed) // vector.itemsize * vector.itemsize])
            self._known[key] = _little(vector)

    async def _make(self, wanted: Sequence[tuple[bytes, str]]) -> None:
        """Make and keep the vectors that are not known. Raises TraktirError."""
        fresh = [(key, text) for key, text in wanted if key not in self._known and text.strip()]
        if not fresh or self._embedder is None:
            return
        made = await self._embedder.embed([text[:_LONGEST] for _, text in fresh])
        vectors = {key: array.array("f", vector) for (key, _), vector in zip(fresh, made, strict=True)}
        self._known |= vectors
        try:
            await self._store.keep_vectors({key: _little(vector).tobytes() for key, vector in vectors.items()})
        except StoreError as error:               # they can be made again
            _log.warning("vectors: %s", error)

    def _later(self, missing: Sequence[tuple[bytes, str]]) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._all(missing))

    async def _all(self, missing: Sequence[tuple[bytes, str]]) -> None:
        """Make what is missing while nothing else is being generated."""
        name = self._name
        try:
            for start in range(0, len(missing), _BATCH):
                while self._busy():
                    await asyncio.sleep(_PAUSE)
                if name != self._name:
                    return
                await self._make(missing[start:start + _BATCH])
        except TraktirError as error:
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        """Say once what keeps vectors from being made; then words alone decide what is recalled."""
        words = str(error) or type(error).__name__
        _log.warning("vectors: %s", words)
        if words != self._told:
            self._told = words
            self._events.tell(
                notice("What is recalled is found by its words alone, for no vectors can be made: {reason}",
                       reason=words[:300]), "warning",
            )


def _little(vector: _Floats[float]) -> _Floats[float]:
    """In the byte order of the store; on most machines it is their own."""
    if sys.byteorder == "big":
        vector = array.array("f", vector)
        vector.byteswap()
    return vector
