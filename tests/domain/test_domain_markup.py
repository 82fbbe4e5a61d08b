"""Roleplay markup: what is speech, what is action, and that no text is ever lost or spans cross."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.domain.markup import Line, lines, read_line


def looks(source: str) -> list[tuple[str, str]]:
    line, _ = read_line(source)
    return [(s.kind, source[s.start:s.end]) for s in line.spans if s.kind != "mark"]


def test_actions_and_speech() -> None:
    found = looks('*She listens.* "You hear it too?"')
    assert found == [("action", "*She listens.*"), ("speech", '"You hear it too?"')]


def test_russian_quotes_nest() -> None:
    assert looks("Он сказал: «Это „Тихая гавань“, друг».") == [
        ("speech", "«Это „Тихая гавань“, друг»"), ("speech", "„Тихая гавань“"),
    ]


def test_dialogue_with_dashes_turns_between_speech_and_words_of_the_author() -> None:
    assert looks("— Привет, — сказал он. — Как дела?") == [("speech", "— Привет,"), ("speech", "Как дела?")]


def test_stress_inside_an_action_and_speech_inside_an_action() -> None:
    assert looks("*a **very** long day*") == [("action", "*a **very** long day*"), ("strong", "**very**")]
    assert looks('*says "yes" and goes*') == [("action", '*says "yes" and goes*'), ("speech", '"yes"')]
    assert [k for k, _ in looks("***both***")] == ["strong", "action"]


def test_asterisks_and_quotes_that_mean_themselves() -> None:
    assert looks("2 * 3 * 4 = 24") == []
    assert looks('a 5" nail') == []
    assert looks("snake_case_name") == []
    assert looks("`*not an action*`") == [("code", "*not an action*")]


def test_what_is_still_being_written_already_looks_right() -> None:
    assert looks("*She sets the lantern") == [("action", "*She sets the lantern")]
    assert looks('"Counting wh') == [("speech", '"Counting wh')]


def test_lines_have_kinds() -> None:
    kinds = [line.kind for line in lines("# Head\n> quoted\n- item\n12. item\n---\n```py\nx = *1*\n```\ntext")]
    assert kinds == ["heading", "quote", "item", "item", "rule", "fence", "code", "fence", "text"]
    assert read_line("- item")[0].hang == 2


@given(st.text(alphabet='ab *_`"«»„“”—>-#.,!\n1ж', max_size=80))
def test_no_text_is_lost_and_spans_nest(text: str) -> None:
    found = list(lines(text))
    assert "\n".join(line.text for line in found) == text
    for line in found:
        _check(line)


def _check(line: Line) -> None:
    open_ends: list[int] = []
    for span in line.spans:
        assert 0 <= span.start < span.end <= len(line.text)
        while open_ends and open_ends[-1] <= span.start:
            open_ends.pop()
        assert not open_ends or span.end <= open_ends[-1], (line.text, line.spans)
        open_ends.append(span.end)


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    for line in lines(text):
        _check(line)


def test_a_page_of_asterisks_takes_no_time() -> None:
    list(lines("*" * 5000 + "a" + '"«' * 5000 + "*a " * 5000))
