"""Dates as text, in English and without the platform's locale. The time is passed in as ISO 8601."""

from __future__ import annotations

import re
from datetime import datetime

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DIRECTIVE = re.compile(r"%(-?[A-Za-z%])")


def parse_clock(clock: str) -> datetime | None:
    """The moment that `clock` (ISO 8601) names, or None."""
    try:
        return datetime.fromisoformat(clock)
    except ValueError:
        return None


def format_date(form: str, clock: str) -> str:
    """`clock` in the manner of strftime (Y y m d e j B b A a H I M S p, with `-` for no leading zero).

    Without a valid clock the result is empty; an unknown directive stays as it is.
    """
    now = parse_clock(clock)
    if now is None:
        return ""
    values = {
        "Y": f"{now.year:04d}", "y": f"{now.year % 100:02d}", "m": f"{now.month:02d}", "d": f"{now.day:02d}",
        "e": f"{now.day:2d}", "j": f"{now.timetuple().tm_yday:03d}", "B": MONTHS[now.month - 1],
        "b": MONTHS[now.month - 1][:3], "A": WEEKDAYS[now.weekday()], "a": WEEKDAYS[now.weekday()][:3],
        "H": f"{now.hour:02d}", "I": f"{(now.hour - 1) % 12 + 1:02d}", "M": f"{now.minute:02d}",
        "S": f"{now.second:02d}", "p": "AM" if now.hour < 12 else "PM", "%": "%",
    }

    def one(match: re.Match[str]) -> str:
        name = match[1]
        if name.startswith("-") and name[1:] in values:
            return values[name[1:]].strip().lstrip("0") or "0"
        return values.get(name, match[0])

    return _DIRECTIVE.sub(one, form)
