"""Moments as macros write them: formats in the notation of moment.js, and spans of time in words. English, without
the platform's locale; a moment without an offset counts as UTC."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from tui.domain.clock import MONTHS, WEEKDAYS, parse_clock

_TOKEN = re.compile(
    r"\[([^\[\]]*)\]|(\\.|LTS|LT|LL?L?L?|ll?l?l?|Mo|MM?M?M?|Qo?|DDDo|Do|DD?D?D?|do|dd?d?d?|wo|ww?|Wo|WW?"
    r"|YYYYYY|YYYYY|YYYY|YY|Y|GGGGG|GGGG|GG|ggggg|gggg|gg|S{1,9}|ZZ|[AaEeXxZ]|HH?|hh?|kk?|mm?|ss?|zz?)"
)
_LONG = {
    "LT": "h:mm A", "LTS": "h:mm:ss A", "L": "MM/DD/YYYY", "LL": "MMMM D, YYYY", "LLL": "MMMM D, YYYY h:mm A",
    "LLLL": "dddd, MMMM D, YYYY h:mm A", "l": "M/D/YYYY", "ll": "MMM D, YYYY", "lll": "MMM D, YYYY h:mm A",
    "llll": "ddd, MMM D, YYYY h:mm A",
}
_OFFSET = re.compile(r"(?:UTC)?([+-]\d{1,4})(?::(\d\d))?", re.IGNORECASE | re.ASCII)
_WRITTEN = re.compile(
    r"([A-Za-z]{3,9}) (\d{1,2}),? (\d{4})(?:,? (\d{1,2}):(\d\d)(?: ?([AaPp])\.?[Mm]\.?)?)?", re.ASCII
)


def moment_format(form: str, now: datetime) -> str:
    """`now` in the notation of moment.js (`YYYY-MM-DD HH:mm`, `[text]` as it stands). What is no token stays."""
    values = _values(now)

    def one(match: re.Match[str]) -> str:
        token = match[2]
        if token is None:
            return match[1]
        if token in _LONG:
            return _TOKEN.sub(one, _LONG[token])
        if token.startswith("\\"):
            return token[1:]
        return f"{now.microsecond:06d}000"[: len(token)] if token.startswith("S") else values[token]

    return _TOKEN.sub(one, form)


def _values(now: datetime) -> dict[str, str]:
    year, week, weekday = now.isocalendar()
    sunday = now.isoweekday() % 7
    day = now.timetuple().tm_yday
    local_year, local_week = _sunday_week(now)
    hour = (now.hour - 1) % 12 + 1
    quarter = (now.month - 1) // 3 + 1
    aware = now if now.tzinfo else now.replace(tzinfo=UTC)
    offset = aware.strftime("%z")[:5]
    noon = "AM" if now.hour < 12 else "PM"
    return {
        "M": str(now.month), "Mo": _ordinal(now.month), "MM": f"{now.month:02d}", "MMM": MONTHS[now.month - 1][:3],
        "MMMM": MONTHS[now.month - 1], "Q": str(quarter), "Qo": _ordinal(quarter), "D": str(now.day),
        "Do": _ordinal(now.day), "DD": f"{now.day:02d}", "DDD": str(day), "DDDo": _ordinal(day),
        "DDDD": f"{day:03d}", "d": str(sunday), "do": _ordinal(sunday), "dd": WEEKDAYS[weekday - 1][:2],
        "ddd": WEEKDAYS[weekday - 1][:3], "dddd": WEEKDAYS[weekday - 1], "e": str(sunday), "E": str(weekday),
        "w": str(local_week), "wo": _ordinal(local_week), "ww": f"{local_week:02d}", "W": str(week),
        "Wo": _ordinal(week), "WW": f"{week:02d}", "YY": f"{now.year % 100:02d}", "YYYY": f"{now.year:04d}",
        "YYYYY": f"{now.year:05d}", "YYYYYY": f"+{now.year:06d}", "Y": str(now.year), "GG": f"{year % 100:02d}",
        "GGGG": f"{year:04d}", "GGGGG": f"{year:05d}", "gg": f"{local_year % 100:02d}", "gggg": f"{local_year:04d}",
        "ggggg": f"{local_year:05d}", "A": noon, "a": noon.lower(), "H": str(now.hour), "HH": f"{now.hour:02d}",
        "h": str(hour), "hh": f"{hour:02d}", "k": str(now.hour or 24), "kk": f"{now.hour or 24:02d}",
        "m": str(now.minute), "mm": f"{now.minute:02d}", "s": str(now.second), "ss": f"{now.second:02d}",
        "Z": f"{offset[:3]}:{offset[3:]}", "ZZ": offset, "z": "", "zz": "",
        "X": str(math.floor(aware.timestamp())), "x": str(math.floor(aware.timestamp() * 1000)),
    }


def _sunday_week(now: datetime) -> tuple[int, int]:
    """Year and number of the week that begins on Sunday and, if the first of January is in it, is number one."""
    sunday = now.date() - timedelta(days=now.isoweekday() % 7)
    saturday = sunday + timedelta(days=6)
    year = saturday.year
    return year, (saturday.timetuple().tm_yday - 1) // 7 + 1


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def at_offset(now: datetime, offset: str) -> datetime | None:
    """`now` at `UTC+2`, `UTC-3:30`; from 16 on the number counts minutes, as in moment.js. None if that is no offset
    (at most 18 hours)."""
    match = _OFFSET.fullmatch(offset.strip())
    if match is None:
        return None
    number, rest = int(match[1]), int(match[2] or 0)
    minutes = abs(number) * 60 + rest if abs(number) < 16 or match[2] else abs(number)
    if minutes > 18 * 60 or rest > 59:
        return None
    try:
        shift = timedelta(minutes=-minutes if match[1].startswith("-") else minutes)
        return _aware(now).astimezone(timezone(shift))
    except OverflowError:
        return None


def parse_moment(text: str) -> datetime | None:
    """A moment in ISO 8601, as in mail, or as `{{date}}` and `{{time}}` write it. Always with an offset."""
    text = text.strip()[:100]
    found = parse_clock(text.replace("/", "-"))
    if found is None and (match := _WRITTEN.fullmatch(text)):
        found = _written(match)
    if found is None:
        try:
            found = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return _aware(found)


def _written(match: re.Match[str]) -> datetime | None:
    names = [m for m in MONTHS if m.casefold().startswith(match[1].casefold())]
    if not names:
        return None
    hour = int(match[4] or 0)
    if match[6]:
        hour = hour % 12 + (12 if match[6] in "pP" else 0)
    try:
        return datetime(int(match[3]), MONTHS.index(names[0]) + 1, int(match[2]), hour, int(match[5] or 0))
    except ValueError:
        return None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def seconds_between(first: datetime, second: datetime) -> float:
    """`first` less `second`."""
    return (_aware(first) - _aware(second)).total_seconds()


def span_in_words(seconds: float) -> str:
    """A length of time as people say it (moment's `humanize`): `a few seconds`, `2 hours`, `a month`."""
    length = abs(seconds)
    days = length / 86_400
    months = days * 4800 / 146_097
    steps = (
        (length, 44, "a few seconds", "seconds"), (length / 60, 44, "a minute", "minutes"),
        (length / 3600, 21, "an hour", "hours"), (days, 25, "a day", "days"), (months, 10, "a month", "months"),
        (months / 12, math.inf, "a year", "years"),
    )
    for exact, most, one, many in steps:
        count = math.floor(exact + 0.5)
        if many == "seconds" and count <= most:
            return one
        if many != "seconds" and count <= most:
            return one if count <= 1 else f"{count} {many}"
    return steps[-1][2]


def span_from_now(seconds: float) -> str:
    """The same with its direction: `in 2 days` for a positive length, `2 days ago` otherwise."""
    words = span_in_words(seconds)
    return f"in {words}" if seconds > 0 else f"{words} ago"
