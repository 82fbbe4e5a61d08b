"""Texts to vectors by a server: `/v1/embeddings` as OpenAI has it, Ollama's `/api/embed`, llama-server's own
`/embedding`, whichever answers first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tui.backends.address import parse_address
from tui.backends.http import Answer, Http
from tui.domain.embedding import Vector, check_texts, unit
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError
from tui.domain.notice import notice

#: Seconds that a batch may take, the texts of one, and the longest answer to it in bytes.
_SECONDS, _AT_ONCE, _LIMIT = 120.0, 64, 64 << 20
#: Numbers in an answer to one batch, at most.
_PARTS = 2_000_000


class RemoteEmbedder:
    """An Embedder (see tui.domain.embedding) at `endpoint`, whose `model` is named to servers that have several."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Raises BadInput for an address or a key that cannot be used."""
        self._endpoint = endpoint
        self._address = parse_address(endpoint.url)
        self._http = Http(endpoint, self._address)
        self._route = ""

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector of length 1 a text. Raises BackendError, BadInput."""
        check_texts(texts)
        vectors: list[Vector] = []
        for start in range(0, len(texts), _AT_ONCE):
            vectors += await self._embedded(list(texts[start:start + _AT_ONCE]))
        return vectors

    async def close(self) -> None:
        await self._http.close()

    async def _embedded(self, texts: list[str]) -> list[Vector]:
        answer: Answer | None = None
        for route in (self._route,) if self._route else self._routes():
            answer = await self._http.ask(
                route, self._body(route, texts), seconds=_SECONDS, limit=_LIMIT, max_parts=_PARTS,
            )
            if answer.ok and (found := _vectors(answer.data)) is not None and len(found) == len(texts):
                self._route = route
                return found
            if answer.status not in (400, 404, 405, 422, 501) and not answer.ok:
                break
        raise self._refusal(answer)

    def _routes(self) -> tuple[str, ...]:
        root, api = self._address.root, self._address.api
        openai, ollama, own = f"{api}/embeddings", f"{root}/api/embed", f"{root}/embedding"
        return (ollama, openai) if self._endpoint.kind == "ollama" else (openai, ollama, own)

    def _body(self, route: str, texts: list[str]) -> dict[str, Any]:
        if route.endswith("/embedding"):
            return {"content": texts}
        return {"input": texts, **({"model": self._endpoint.model} if self._endpoint.model else {})}

    def _refusal(self, answer: Answer | None) -> BackendError:
        shown = self._address.shown
        if answer is not None and answer.status in (401, 403):
            return BackendError(notice("{address} wants another key.", address=shown), kind="key")
        said = self._http.redaction.text(answer.text)[:200] if answer is not None else ""
        return BackendError(
            notice("{address} makes no vectors of texts: {said}", address=shown, said=said or "–"),
            notice("Name a model that is made for it (--model), and start llama-server with --embeddings."),
            kind="embeddings",
        )


def _vectors(data: Any) -> list[Vector] | None:
    """The vectors of an answer in any of the shapes there are; None where there are none."""
    rows: Any = data
    if isinstance(data, dict):
        rows = data.get("embeddings") if "embeddings" in data else data.get("data")
    if not isinstance(rows, list):
        return None
    try:
        ordered = sorted(rows, key=lambda r: r.get("index", 0)) if all(isinstance(r, dict) for r in rows) else rows
        found = [unit(_numbers(row.get("embedding") if isinstance(row, dict) else row)) for row in ordered]
    except (TypeError, ValueError):
        return None
    return found if len({len(vector) for vector in found}) <= 1 else None


def _numbers(row: Any) -> list[float]:
    """The numbers of a vector; one in a list of one (llama-server's own route). Raises ValueError, TypeError."""
    if isinstance(row, list) and len(row) == 1 and isinstance(row[0], list):
        row = row[0]
    if not isinstance(row, list) or not all(isinstance(n, int | float) and not isinstance(n, bool) for n in row):
        raise ValueError("not a list of numbers")
    return [float(n) for n in row]
