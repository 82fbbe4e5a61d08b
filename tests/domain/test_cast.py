"""Who speaks next in a group, whether a text calls somebody, and where a reply begins to speak for another."""

from __future__ import annotations

from itertools import pairwise
from typing import cast as as_type

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.domain.cast import CastSettings, Member, Strategy, choose, known_to, knows
from tui.domain.chat import Node, Revision, Role
from tui.domain.mentions import mentioned, name_words
from tui.domain.voices import VoiceCut, voices_of

calm = settings(derandomize=True, deadline=None, max_examples=60)


def message(at: int, role: str, text: str, speaker: str = "", **extra: object) -> Node:
    noted = {**({"speaker": speaker} if speaker else {}), **extra}
    revision = Revision(f"r{at}", text, at)
    return Node(f"n{at}", f"n{at - 1}" if at else None, as_type(Role, role), speaker or "Sam", at, at, (revision,),
                revision.id, extra=noted)


def group(*names: str, strategy: Strategy = "natural", **more: object) -> CastSettings:
    members = tuple(Member(n.casefold(), (n,), talkativeness=0.5) for n in names)
    return CastSettings(members, strategy=strategy, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "name", "there"), [
    ("Скажи Мире, что я приду.", "Мира", True), ("Вижу Миру вдали.", "Мира", True), ("с Мирой", "Мира", True),
    ("МИРА!", "Мира", True), ("мира, привет", "Мира", True), ("Мир велик.", "Мира", False),
    ("во всём мире", "Мира", False), ("Миролюбие", "Мира", False), ("Позови Павла", "Павел", True),
    ("Льву дали сыр", "Лев", True), ("с Игорем", "Игорь", True), ("об Андрее", "Андрей", True),
    ("к Фёдору", "Федор", True), ("у Достоевского", "Достоевский", True), ("с Анной Раневской", "Раневская", True),
    ("Ask Mira's cat.", "Mira", True), ("admirable", "Mira", False), ("Дай чаю", "Анна", False),
    ("Марии не было", "Мария", True), ("Спроси Нелю", "Неля", True), ("Шурой звали", "Александра Шура", True),
    ("the tide", "The Captain", False),
])
def test_names_are_heard_in_any_form_and_nothing_else_is(text: str, name: str, there: bool) -> None:
    assert bool(mentioned(text, name_words([name]))) is there


def test_those_who_are_named_speak_first_and_in_that_order() -> None:
    quiet = CastSettings(tuple(
        Member(n, (n,), talkativeness=0.0) for n in ("Nell Grey", "Bob Grey", "Анна")
    ))
    path = [message(0, "user", "Анна, do you and Bob know?")]
    found = choose(quiet, path, "x")
    assert [c.id for c in found] == ["Анна", "Bob Grey"]
    assert found[1].why.args == {"word": "Bob"}
    both = choose(quiet, [message(0, "user", "Which Grey was it?")], "x")
    assert len(both) <= 1, "a name that two have calls neither of them before the other"


def test_who_spoke_last_does_not_answer_themselves_unless_allowed() -> None:
    path = [message(0, "user", "Hm."), message(1, "assistant", "Bob thinks of Bob.", "bob")]
    for seed in map(str, range(40)):
        assert "bob" not in {c.id for c in choose(group("Bob", "Nell"), path, seed)}
    free = group("Bob", "Nell", self_replies=True)
    assert any("bob" in {c.id for c in choose(free, path, seed)} for seed in map(str, range(40)))


@calm
@given(
    strategy=st.sampled_from(["natural", "list", "pooled", "manual"]), muted=st.sets(st.integers(0, 3)),
    said=st.lists(st.sampled_from(["user", "a", "b", "c", "d"]), max_size=8), seed=st.text(max_size=5),
    asked=st.booleans(), self_replies=st.booleans(),
)
def test_whoever_speaks_may_speak_and_the_same_dice_fall_the_same(
    strategy: Strategy, muted: set[int], said: list[str], seed: str, asked: bool, self_replies: bool
) -> None:
    members = tuple(Member(m, (m.upper(),), muted=at in muted) for at, m in enumerate("abcd"))
    cast = CastSettings(members, strategy=strategy, self_replies=self_replies)
    path = [
        message(at, "user" if who == "user" else "assistant", "Go on.", "" if who == "user" else who)
        for at, who in enumerate(said)
    ]
    found = choose(cast, path, seed, asked=asked)
    ids = [c.id for c in found]
    able = [m.id for m in members if not m.muted]
    assert ids == [c.id for c in choose(cast, path, seed, asked=asked)]
    assert len(set(ids)) == len(ids)
    assert set(ids) <= set(able)
    assert all(c.why.id for c in found)
    silent = strategy == "manual" and not asked and bool(said) and said[-1] == "user"
    assert bool(ids) is (bool(able) and not silent)
    if strategy == "list":
        assert ids == able
    if strategy == "pooled" and able:
        since = said[len(said) - said[::-1].index("user"):] if "user" in said else said
        waiting = set(able) - set(since)
        assert not waiting or ids[0] in waiting


def test_a_whisper_is_known_to_who_heard_it_said_it_and_to_nobody_else() -> None:
    path = [message(0, "user", "Hello."), message(1, "user", "Psst.", seen_by=["bob"]),
            message(2, "assistant", "Yes?", "bob", seen_by=["nell"])]
    assert [n.hidden for n in known_to(path, "bob")] == [False, False, False]
    assert [n.hidden for n in known_to(path, "nell")] == [False, True, False]
    assert [n.hidden for n in known_to(path, "")] == [False, True, True]
    assert not knows(path[1], "")


@calm
@given(
    text=st.text(alphabet="ab Bo:*\n", max_size=60), cuts=st.lists(st.integers(0, 60), max_size=6),
    continued=st.booleans(),
)
def test_a_reply_is_cut_at_the_same_place_however_it_arrives(text: str, cuts: list[int], continued: bool) -> None:
    whole = VoiceCut(["Bob"], continued=continued)
    expected = whole.feed(text)
    expected += whole.finish()
    pieces = VoiceCut(["Bob"], continued=continued)
    places = [0, *sorted(min(c, len(text)) for c in cuts), len(text)]
    shown = "".join(pieces.feed(text[a:b]) for a, b in pairwise(places)) + pieces.finish()
    assert shown == expected
    assert shown + pieces.cut == text, "nothing is lost"
    assert (pieces.name, pieces.cut) == (whole.name, whole.cut)
    if not continued:
        assert "\nBob:" not in "\n" + shown


def test_others_are_known_by_their_first_names_too_but_not_by_what_the_speaker_is_called() -> None:
    names = ["Sam", "Nell Grey", "The Captain", "Фёдор Иванович", "Bob Grey", "Bo Li"]
    assert voices_of(names, ["Bob Grey", "Bob"]) == [
        "Sam", "Nell Grey", "Nell", "The Captain", "Фёдор Иванович", "Фёдор", "Bo Li",
    ]
    assert voices_of(["Grey Wolf", "Bob Grey"], ["Bob Grey"]) == ["Grey Wolf"]
    voices = VoiceCut(voices_of(names, ["Bob Grey"]))
    assert voices.feed("Aye.\nФёдор: Нет.") == "Aye.\n"
    assert voices.name == "Фёдор"


def test_a_name_in_the_middle_or_of_nobody_stays() -> None:
    for text in ("He said: Bob: no.", "Bobby: hm", "Bob came.\nBob\n went:", "Note: Bob"):
        voices = VoiceCut(["Bob", ""])
        assert voices.feed(text) + voices.finish() == text
        assert not voices.name
    assert VoiceCut([]).feed("Bob: a") == "Bob: a"
