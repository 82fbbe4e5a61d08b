"""Finding what was said long ago: passages ranked by the words of what is being said now (BM25 over stems), and where
there are vectors of them, by those too; the two rankings fused by reciprocal ranks."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal
from zlib import crc32

Stem = Callable[[str], str]
Kind = Literal["message", "document"]

#: Characters of a passage: about what one speaker says at a time.
LONGEST_PASSAGE = 600
#: A word that stands in more than this share of the passages weighs so little that it is not looked at.
_USUAL = 0.2
#: BM25 as in Robertson and Zaragoza, "The Probabilistic Relevance Framework" (2009): how soon a repeated word adds
#: nothing, and how much a long passage is held back.
_K1, _B = 1.2, 0.5
#: Reciprocal rank fusion as in Cormack, Clarke and Büttcher (2009).
_FUSED_FROM = 60
#: The beginning of a word counts too, for what is derived from it: so many letters, so much of a whole word.
_ROOT, _ROOT_WEIGHT = 5, 0.5
#: What a neighbour says belongs to a passage by this much: an answer rarely repeats the words of its question.
_BESIDE = 0.3
#: What a passage must share of the weight of all that is asked (0..1) to be found. What is said all the time calls
#: nothing up: one of the shared words must stand in at most this share of the passages, or in so many of them.
_LEAST_SHARE, _RARE_SHARE, _RARE = 0.1, 0.05, 3
#: Passages found by likeness alone that are looked at, and how like they must be (cosine).
_NEAREST, _LEAST_LIKENESS = 40, 0.3
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_SENTENCE_END = re.compile(r"(?<=[.!?…»\"”])\s+|\n+")
_PARAGRAPH = re.compile(r"\n\s*\n")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*\s*$", re.MULTILINE)
#: Words that stand in every other sentence, of English and Russian; all others weigh by how rare they are.
_COMMON_WORDS = """
a about all am an and any are as at be been but by can could did do does for from get go got had has have he her
here him his how i if in into is it its just know like me my no not now of on one or our out over say she so some
tell than that the their them then there these they this to up us was we well were what when where which who whom
whose why will with would yes you your said says remember recall don't didn't а без бы был была были было быть в вам
вас весь во вот все всё вы где да для до его ее её если есть еще ещё же за и из или им их к как какая какие какой
кем когда кого кому кто ли мне мог может мои мой мы на над нам нас наш не него нее неё нет ни них но ну о об он она
они оно от по под при про с сам со так такой там тебе тебя тем то тогда того тоже той том тот ты у уже чего чем что
чтобы чья чьё чей эта эти это этот я помнишь помните напомни скажи сказал сказала знаешь
"""
_COMMON = frozenset(_COMMON_WORDS.split())


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of one text of a message (`source` is the message, `revision` its `text_key`) or of a document
    (`source` is the document, `revision` its digest). `at` counts the stretches of a text; `heading` is what a
    document's stretch stands under."""

    kind: Kind
    source: str
    revision: str
    at: int
    text: str
    name: str = ""
    heading: str = ""

    @property
    def key(self) -> tuple[str, str, int]:
        return self.source, self.revision, self.at


@dataclass(frozen=True, slots=True)
class Recollection:
    """A passage that was found, and why: its share of the fused score of the best (0..1), the words that it shares
    with what is said, and how like its vector is (None where there is none)."""

    passage: Passage
    score: float
    words: tuple[str, ...] = ()
    likeness: float | None = None


def text_key(revision: str, text: str) -> str:
    """A name for a text of a message as it is sent: scripts and translations make other texts of one revision."""
    return f"{revision}.{crc32(text.encode('utf-8', 'surrogatepass')):08x}"


def cut_text(text: str, longest: int = LONGEST_PASSAGE) -> list[str]:
    """A text in stretches of at most `longest` characters, cut between paragraphs where that goes, else between
    sentences, else anywhere."""
    out: list[str] = []
    for paragraph in _PARAGRAPH.split(text):
        for part in _joined(_short(_SENTENCE_END.split(paragraph.strip()), longest), longest):
            if out and len(out[-1]) + len(part) < longest // 3:
                out[-1] = f"{out[-1]}\n{part}"
            else:
                out.append(part)
    return out


def _short(parts: Iterable[str], longest: int) -> Iterable[str]:
    for part in parts:
        for start in range(0, len(part), longest):
            if piece := part[start:start + longest].strip():
                yield piece


def _joined(parts: Iterable[str], longest: int) -> Iterable[str]:
    whole = ""
    for part in parts:
        if whole and len(whole) + len(part) >= longest:
            yield whole
            whole = ""
        whole = f"{whole} {part}" if whole else part
    if whole:
        yield whole


def message_passages(node: str, revision: str, name: str, text: str) -> list[Passage]:
    """What of a message can be recalled by itself."""
    return [Passage("message", node, revision, at, part, name) for at, part in enumerate(cut_text(text))]


def document_passages(document: str, digest: str, name: str, text: str) -> list[Passage]:
    """What of a document can be recalled by itself; in Markdown each stretch knows its heading."""
    out: list[Passage] = []
    marks = [(m.start(), m.end(), m[1]) for m in _HEADING.finditer(text)]
    ends = [(0, 0, ""), *marks, (len(text), len(text), "")]
    for (_, begin, heading), (end, _, _) in pairwise(ends):
        for part in cut_text(text[begin:end]):
            out.append(Passage("document", document, digest, len(out), part, name, heading))
    return out


def words_of(text: str, stem: Stem) -> list[tuple[str, str]]:
    """The words of a text that say something, each as its stem and as it is written."""
    out = []
    for found in _WORD.finditer(text):
        word = found[0].casefold().replace("ё", "е").replace("’", "'")
        if word in _COMMON or (len(word) < 2 and not word.isdigit()):
            continue
        out.append((stem(word.removesuffix("'s")), found[0]))
    return out


def _terms(text: str, stem: Stem) -> Counter[str]:
    """Stems, and the beginnings of long ones (with `~` before them)."""
    stems = Counter(term for term, _ in words_of(text, stem))
    roots: Counter[str] = Counter()
    for term, times in stems.items():
        if len(term) >= _ROOT:
            roots["~" + term[:_ROOT - 1]] += times
        elif len(term) == _ROOT - 1:
            roots["~" + term] += times
    return stems + roots


@dataclass(frozen=True, slots=True)
class Query:
    """What is being said: texts with weights (0..1), the newest first."""

    texts: tuple[tuple[str, float], ...]


@dataclass
class PassageIndex:
    """Passages by the words in them. Passages are only added: which of them hold now is said when it is asked."""

    stem: Stem
    passages: list[Passage] = field(default_factory=list)
    _lengths: list[int] = field(default_factory=list)
    _where: dict[tuple[str, str, int], int] = field(default_factory=dict)
    _texts: set[tuple[str, str]] = field(default_factory=set)
    _postings: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    _total: int = 0

    def knows(self, source: str, revision: str) -> bool:
        """Whether the passages of a text were added."""
        return (source, revision) in self._texts

    def add(self, source: str, revision: str, passages: Iterable[Passage]) -> None:
        """Add the passages of a text, once."""
        if self.knows(source, revision):
            return
        self._texts.add((source, revision))
        for passage in passages:
            number = len(self.passages)
            terms = _terms(f"{passage.heading} {passage.text}", self.stem)
            self.passages.append(passage)
            self._where[passage.key] = number
            self._lengths.append(sum(terms.values()))
            self._total += self._lengths[-1]
            for term, times in terms.items():
                self._postings[term].append((number, times))

    def search(self, query: Query, texts: Sequence[tuple[str, str]]) -> list[tuple[Passage, float, tuple[str, ...]]]:
        """The passages of `texts` (sources and revisions, in the order of the story) that share words with what is
        said, the best first: each with its score and the words."""
        weights, written = self._asked(query)
        whole = sum(weights.values())
        if not whole:
            return []
        wanted, rare = set(texts), max(_RARE, _RARE_SHARE * len(self.passages))
        scores: dict[int, float] = defaultdict(float)
        shared: dict[int, set[str]] = defaultdict(set)
        mean = max(1.0, self._total / max(1, len(self.passages)))
        usual = max(_RARE, _USUAL * len(self.passages))
        for term, weight in weights.items():
            holding = self._postings.get(term, ())
            for number, times in holding if len(holding) <= usual else ():
                length = 1 - _B + _B * self._lengths[number] / mean
                scores[number] += weight * times * (_K1 + 1) / (times + _K1 * length)
                shared[number].add(term)
        known = {n: s for n, s in scores.items() if self.passages[n].key[:2] in wanted}
        known = self._with_neighbours(known, texts)
        out = []
        for number, score in known.items():
            own = {term for term in shared[number] if not term.startswith("~")}
            roots = {term for term in shared[number] if term.startswith("~")}
            telling = any(len(self._postings[term]) <= rare for term in shared[number])
            if telling and sum(weights[term] for term in shared[number]) >= _LEAST_SHARE * whole:
                out.append((self.passages[number], score, _shown(own, roots, written)))
        out.sort(key=lambda found: (-found[1], found[0].key))
        return out

    def _asked(self, query: Query) -> tuple[dict[str, float], dict[str, str]]:
        """What each term of a query weighs, and how it was written. However much was said before, it weighs no more
        beside the newest text than its weight says."""
        weights: dict[str, float] = {}
        written: dict[str, str] = {}
        first = 0.0
        for text, weight in query.texts:
            for term, word in words_of(text, self.stem):
                written.setdefault(term, word)
            own = {term: self._weight(term) for term in _terms(text, self.stem)}
            total = sum(own.values())
            first = first or total
            share = weight * min(1.0, first / total) if total else 0.0
            for term, value in own.items():
                weights[term] = max(weights.get(term, 0.0), value * share)
        return weights, written

    def _weight(self, term: str) -> float:
        return self._rarity(term) * (_ROOT_WEIGHT if term.startswith("~") else 1.0)

    def _rarity(self, term: str) -> float:
        """The inverse document frequency of BM25, never below 0; 0 for what nobody has said yet."""
        holding = len(self._postings.get(term, ()))
        return math.log(1 + (len(self.passages) - holding + 0.5) / (holding + 0.5)) if holding else 0.0

    def _with_neighbours(
        self, scores: Mapping[int, float], texts: Sequence[tuple[str, str]]
    ) -> dict[int, float]:
        """Each score with a part of what the text before and the text after have."""
        best = {text: 0.0 for text in texts}
        for number, score in scores.items():
            text = self.passages[number].key[:2]
            best[text] = max(best[text], score)
        order = {text: at for at, text in enumerate(texts)}
        out = {}
        for number, score in scores.items():
            passage = self.passages[number]
            at = order[passage.key[:2]]
            beside = [best[texts[n]] for n in (at - 1, at + 1) if 0 <= n < len(texts)]
            out[number] = score + (_BESIDE * max(beside, default=0.0) if passage.kind == "message" else 0.0)
        return out


def _shown(own: Collection[str], roots: Collection[str], written: Mapping[str, str]) -> tuple[str, ...]:
    """The words of the query that were found, as they were written: whole ones, then those found by their beginning."""
    whole = [word for term, word in written.items() if term in own]
    begun = [
        f"{word[:_ROOT - 1]}…" for term, word in written.items()
        if term not in own and "~" + term[:_ROOT - 1] in roots
    ]
    return tuple(dict.fromkeys([*whole, *begun]))


def nearest(likenesses: Mapping[tuple[str, str, int], float]) -> list[tuple[str, str, int]]:
    """The keys of the passages whose vectors are most like what is said, the likest first."""
    like = [(-value, key) for key, value in likenesses.items() if value >= _LEAST_LIKENESS]
    return [key for _, key in sorted(like)[:_NEAREST]]


def recollect(
    index: PassageIndex, query: Query, texts: Sequence[tuple[str, str]],
    likenesses: Mapping[tuple[str, str, int], float] | None = None, most: int = 200,
) -> list[Recollection]:
    """What may be recalled of `texts` for what is said, the best first, at most `most`. `likenesses` are those of
    the passages that have a vector. The same text is recalled once."""
    by_words = index.search(query, texts)
    likenesses, held = likenesses or {}, set(texts)
    near = [key for key in nearest(likenesses) if key[:2] in held]
    scores: dict[tuple[str, str, int], float] = defaultdict(float)
    if near:
        for rank, (passage, _, _) in enumerate(by_words):
            scores[passage.key] += 1 / (_FUSED_FROM + rank + 1)
        for rank, key in enumerate(near):
            scores[key] += 1 / (_FUSED_FROM + rank + 1)
    else:
        scores = {passage.key: score for passage, score, _ in by_words}
    words = {passage.key: shared for passage, _, shared in by_words}
    passages = {passage.key: passage for passage, _, _ in by_words}
    if near:
        passages |= {p.key: p for p in index.passages if p.key in scores}
    best = max(scores.values(), default=1.0)
    out: list[Recollection] = []
    said: set[str] = set()
    for key, score in sorted(scores.items(), key=lambda pair: (-pair[1], pair[0])):
        passage = passages[key]
        if passage.text in said:
            continue
        said.add(passage.text)
        out.append(Recollection(passage, score / best, words.get(key, ()), likenesses.get(key)))
        if len(out) >= most:
            break
    return out
