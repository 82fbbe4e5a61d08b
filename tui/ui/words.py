"""Small phrases that several screens share: sizes, times, signs."""

from __future__ import annotations

import time
from datetime import datetime

from tui.i18n import tr

IN_USE = "●"
FAVOURITE = "★"
BROKEN = "!"
#: Before a field that counts for nothing as another one stands.
UNUSED = "–"


def size(octets: int) -> str:
    """A size in bytes as a person reads it: `417 KB`, `4.9 GB` (powers of 1000, as file managers count)."""
    if octets < 1000:
        return tr("{n} B", n=octets)
    value = octets / 1000.0
    for unit in (tr("KB"), tr("MB"), tr("GB")):
        if value < 999.5 or unit == tr("GB"):
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
        value /= 1000.0
    raise AssertionError("unreachable")


def thousands(number: int) -> str:
    """`2,914`, with a thin blank in Russian."""
    return f"{number:,}".replace(",", tr(","))


def ago(then_ms: int, now_ms: int | None = None) -> str:
    """How long ago, roughly; a date when it is more than a day. Times are Unix milliseconds."""
    now = int(time.time() * 1000) if now_ms is None else now_ms
    seconds = max(0, (now - then_ms) // 1000)
    if seconds < 60:
        return tr("now")
    if seconds < 3600:
        return tr("{n} min ago", n=seconds // 60)
    if seconds < 86400:
        return tr("{n} h ago", n=seconds // 3600)
    return datetime.fromtimestamp(then_ms / 1000).strftime("%Y-%m-%d")


def rounded(value: object) -> str:
    """A number without a tail of noise: `0.8`, `40`, `0.05`."""
    return f"{value:g}" if isinstance(value, float) else str(value)
