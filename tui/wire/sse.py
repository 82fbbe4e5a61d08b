"""Server-sent events as bytes (WHATWG HTML, section 9.2), as far as our own stream uses them: id, data, comments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PING = b": ping\n\n"


@dataclass(frozen=True, slots=True)
class Frame:
    """One block of the stream. `data` is empty where a block only told its id."""

    id: str
    data: bytes


def frame(id: str, data: bytes = b"") -> bytes:  # noqa: A002
    """A block with an id and at most one line of data, which must hold no newline (JSON has none)."""
    return b"id: %s\n%s\n" % (id.encode("ascii"), b"data: %s\n" % data if data else b"")


class FrameReader:
    """Bytes in, whole blocks out. Lines end with LF alone: a text may hold what others take for a line's end."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._id = ""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """The blocks that `chunk` completes; a comment alone completes none."""
        start = len(self._rest)
        self._rest += chunk
        if self._rest.find(b"\n", start) < 0:
            return
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        for line in lines:
            if (done := self._line(line)) is not None:
                yield done

    def _line(self, line: bytes) -> Frame | None:
        if not line:
            done = Frame(self._id, b"\n".join(self._data)) if self._id or self._data else None
            self._id, self._data = "", []
            return done
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"id":
            self._id = value.decode("ascii", "replace")
        elif name == b"data":
            self._data.append(value)
        return None
