"""How many tokens a text may have where no tokenizer can be asked: a rate for each script, corrected by experience.

The rates to begin with are a middle between six published vocabularies (Llama 2 and 3, Phi 3, Qwen 2, GPT-2,
Falcon); what a server reports for each reply then moves them to those of its own vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]+")
_CYRILLIC = re.compile(r"[\u0400-\u052f]+")
_CJK = re.compile(
    r"[\u3001-\u303f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]+"
)
_DIGITS = re.compile(r"[0-9]+")
_SPACE = re.compile(r"\s+")
_BEFORE_WORD = re.compile(r" (?=\S)")
_EMOJI = re.compile(r"[\u2190-\u2bff\U0001f000-\U0001faff\ufe0f\u200d\u20e3]+")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]+")
_TYPOGRAPHIC = re.compile(r"[\u00a1-\u00bf\u200b\u200c\u200e-\u2027\u202a-\u202e\u2030-\u205e]+")
#: What a template's own text is most often made of: each is one token in a vocabulary that has it.
_MARKERS = re.compile(r"<\|[^|<>\s]{1,40}\|>|</?[a-z_]{1,24}>|\[/?[A-Z_]{2,24}\]")


@dataclass(frozen=True, slots=True)
class ScriptCounts:
    """What of a text its tokens depend on: words and characters by script. A space before a word belongs to it, so
    `space` counts the other white space; `typographic` are marks beyond ASCII: “ ” « » — …"""

    latin_words: int = 0
    latin: int = 0
    cyrillic_words: int = 0
    cyrillic: int = 0
    cjk: int = 0
    digits: int = 0
    punctuation: int = 0
    typographic: int = 0
    space: int = 0
    emoji: int = 0
    other: int = 0
    markers: int = 0

    def __add__(self, more: ScriptCounts) -> ScriptCounts:
        return ScriptCounts(*(a + b for a, b in zip(self.values(), more.values(), strict=True)))

    def values(self) -> tuple[int, ...]:
        return tuple(getattr(self, name) for name in _NAMES)


#: Characters that are looked through at one go; a word that is cut in two makes no difference.
_LONG = 50_000
_NAMES = tuple(f.name for f in fields(ScriptCounts))


def features(text: str, *, markup: bool = False) -> ScriptCounts:
    """The counts of `text`. In `markup`, strings that look like control tokens are counted as such."""
    if len(text) > _LONG:
        parts = (features(text[at : at + _LONG], markup=markup) for at in range(0, len(text), _LONG))
        return sum(parts, ScriptCounts())
    markers = 0
    if markup:
        text, markers = _MARKERS.subn("", text)
    latin, punctuation = _LATIN.findall(text), _all(_PUNCTUATION, text)
    digits, space = _all(_DIGITS, text), _all(_SPACE, text)
    cyrillic, cjk, emoji, typographic = list[str](), 0, 0, 0
    if not text.isascii():
        cyrillic, cjk, emoji = _CYRILLIC.findall(text), _all(_CJK, text), _all(_EMOJI, text)
        typographic = _all(_TYPOGRAPHIC, text)
    letters, more_letters = len("".join(latin)), len("".join(cyrillic))
    return ScriptCounts(
        latin_words=len(latin), latin=letters, cyrillic_words=len(cyrillic), cyrillic=more_letters, cjk=cjk,
        digits=digits, punctuation=punctuation, typographic=typographic,
        space=space - len(_BEFORE_WORD.findall(text)), emoji=emoji, markers=markers,
        other=len(text) - letters - more_letters - cjk - digits - punctuation - typographic - space - emoji,
    )


def _all(kind: re.Pattern[str], text: str) -> int:
    return len("".join(kind.findall(text)))


def estimate(text: str, calibration: Calibration | None = None, *, markup: bool = False) -> int:
    """Tokens that `text` may have, at least one where there is any text."""
    return (calibration or DEFAULT).tokens(features(text, markup=markup))


#: Tokens for each of `ScriptCounts`, and how far (as a share) real vocabularies lie from that.
_RATES = {
    "latin_words": (0.82, 0.2), "latin": (0.075, 0.6), "cyrillic_words": (0.45, 0.3), "cyrillic": (0.36, 0.8),
    "cjk": (1.3, 0.5), "digits": (1.0, 0.4), "punctuation": (0.8, 0.25), "typographic": (1.1, 0.5),
    "space": (0.15, 1.0), "emoji": (1.8, 0.5), "other": (1.0, 0.6), "markers": (1.0, 0.5),
}
_START = tuple(_RATES[name][0] for name in _NAMES)
#: No rate ever leaves these bounds, whatever is reported.
_LEAST, _MOST = 0.02, tuple(max(4.0, 4 * rate) for rate in _START)
#: How far a prompt's tokens lie from any linear rule, as a share; and how much a rate may drift from reply to reply.
_NOISE, _DRIFT = 0.015, 0.01
#: Reports over which the error is told, and what it is held for before the first.
_REMEMBERED, _UNTRIED_ERROR = 5, 0.25
#: Prompts shorter than this teach nothing; reports this many times off are no count of that text.
_LEAST_TOKENS, _ABSURD = 16, 6.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is known of a vocabulary without having it: tokens for each of `ScriptCounts`, with their covariance
    (row by row), and how far off the last forecasts were."""

    rates: tuple[float, ...] = _START
    covariance: tuple[float, ...] = tuple(
        (_RATES[name][1] * _START[i]) ** 2 if i == j else 0.0
        for i, name in enumerate(_NAMES) for j in range(len(_NAMES))
    )
    errors: tuple[float, ...] = ()
    reports: int = 0

    @property
    def error(self) -> float:
        """The largest of the last five errors, as a share of what was reported; 0.25 before the first report."""
        return max(self.errors) if self.errors else _UNTRIED_ERROR

    def tokens(self, counts: ScriptCounts) -> int:
        """Tokens that a text with these counts may have, at least one where it has any."""
        values = counts.values()
        return max(round(_dot(self.rates, values)), int(any(values)))

    def learned(self, counts: ScriptCounts, reported: int) -> Calibration:
        """The calibration after a server reported `reported` tokens for a text with these counts: one step of a
        Kalman filter (recursive least squares that starts from what is known of vocabularies). What cannot be a
        count of that text changes nothing."""
        values = counts.values()
        forecast = _dot(self.rates, values)
        if not _LEAST_TOKENS <= reported < 1 << 31 or not reported / _ABSURD <= forecast <= reported * _ABSURD:
            return self
        size = len(values)
        rows = [list(self.covariance[i * size:(i + 1) * size]) for i in range(size)]
        for i in range(size):
            rows[i][i] += (_DRIFT * self.rates[i]) ** 2
        spread = [_dot(row, values) for row in rows]
        doubt = _dot(spread, values) + (_NOISE * reported) ** 2 + 1.0
        gain = [s / doubt for s in spread]
        miss = reported - forecast
        return Calibration(
            rates=tuple(
                min(max(rate + g * miss, _LEAST), most)
                for rate, g, most in zip(self.rates, gain, _MOST, strict=True)
            ),
            covariance=tuple(rows[i][j] - gain[i] * spread[j] for i in range(size) for j in range(size)),
            errors=(*self.errors, abs(miss) / reported)[-_REMEMBERED:],
            reports=self.reports + 1,
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "names": list(_NAMES), "rates": [round(rate, 6) for rate in self.rates],
            "covariance": [float(f"{value:.8g}") for value in self.covariance],
            "errors": [round(error, 5) for error in self.errors], "reports": self.reports,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Calibration:
        """What `to_json` gave; one of another shape counts as none."""
        rates, covariance = _numbers(data.get("rates")), _numbers(data.get("covariance"))
        if data.get("names") != list(_NAMES) or len(rates) != len(_NAMES) or len(covariance) != len(_NAMES) ** 2:
            return DEFAULT
        bounded = (min(max(rate, _LEAST), most) for rate, most in zip(rates, _MOST, strict=True))
        reports = data.get("reports")
        return replace(
            DEFAULT, rates=tuple(bounded), covariance=covariance, errors=_numbers(data.get("errors"))[-_REMEMBERED:],
            reports=reports if isinstance(reports, int) else 0,
        )


DEFAULT = Calibration()


def _dot(a: Iterable[float], b: Iterable[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def _numbers(data: object) -> tuple[float, ...]:
    found = data if isinstance(data, list) else []
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and abs(n) < 1e9 for n in found):
        return ()
    return tuple(float(n) for n in found)
