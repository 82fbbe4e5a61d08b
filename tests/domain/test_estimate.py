"""Tokens without a tokenizer: near enough at once, near after a few replies, never absurd whatever a server says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.domain.backend import estimate_tokens
from tui.domain.estimate import DEFAULT, Calibration, ScriptCounts, estimate, features
from tui.engine import available, bindings

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
VOCABULARIES = ("falcon", "gpt-2", "llama-bpe", "llama-spm", "phi-3", "qwen2")
ENGLISH = (
    "The rain had not stopped since noon, and the last guest shook his coat by the stove. “You’re late,” she said. ",
    "*He sets the lantern down, slowly.* I walked from the harbour; the bridge was under water again… ",
    "Nobody in Sable Harbour counts the bells any more, but at 7:30 she still looks up from her ledger. ",
    "“Two coins,” he answers, “and a story.” She laughs at that, the first time in three weeks! ",
    "Behind the counter hung a map of the coast, its edges burnt, with thirteen crosses in red ink. ",
)
RUSSIAN = (
    "Дождь не кончался с самого полудня, и последний гость отряхивал пальто у печи. «Вы опоздали», — сказала она. ",
    "*Он медленно ставит фонарь на пол.* Я шёл от гавани; мост снова под водой… ",
    "Никто в городе уже не считает удары колокола, но в 7:30 она всё ещё поднимает взгляд от конторской книги. ",
    "— Две монеты, — отвечает он, — и одна история. Она смеётся впервые за три недели! ",
    "За стойкой висела карта побережья с обгоревшими краями, а на ней тринадцать крестов красными чернилами. ",
)
EMOJI = ("Ого! 😂😂 ", "ok 👍🏽 see you ❤️ ", "*улыбается* 😊 ")


def test_features_count_words_and_characters_by_script() -> None:
    found = features("Hi, мир! 你好 — 42 🙂\n\nok")
    assert found == ScriptCounts(
        latin_words=2, latin=4, cyrillic_words=1, cyrillic=3, cjk=2, digits=2, punctuation=2, typographic=1, space=2,
        emoji=1,
    )


def test_control_tokens_count_as_one_in_markup_only() -> None:
    literal = "<|im_start|>user\n"
    assert features(literal, markup=True).markers == 1
    assert features(literal).markers == 0
    assert estimate(literal, markup=True) < estimate(literal)
    literals = ("<s>[INST]", "</s>", "<start_of_turn>", "a < b > c")
    assert [features(t, markup=True).markers for t in literals] == [2, 1, 1, 0]


@given(st.text(max_size=300), st.text(max_size=300))
def test_nothing_is_lost_or_counted_twice(one: str, two: str) -> None:
    found = features(one)
    values = found.values()
    assert all(n >= 0 for n in values)
    characters = sum(values) - found.latin_words - found.cyrillic_words
    assert len(one) - one.count(" ") <= characters <= len(one)
    assert estimate(one + two) <= estimate(one) + estimate(two) + 4
    assert (estimate(one) > 0) == bool(one)
    assert estimate_tokens(one) == estimate(one)


def _turns(kind: str, number: int) -> str:
    """A prompt of some thousand characters, another one for each number."""
    source = {"en": ENGLISH, "ru": RUSSIAN, "mixed": ENGLISH + RUSSIAN + EMOJI}[kind]
    chosen = [source[(number * 7 + i * i + i * number) % len(source)] for i in range(24 + 5 * (number % 4))]
    return "".join(chosen)


@pytest.fixture(params=VOCABULARIES, scope="module")
def vocabulary(request: pytest.FixtureRequest) -> Any:
    path = SHARED / "vocab" / f"ggml-vocab-{request.param}.gguf"
    if available() is not None or not path.exists():
        pytest.skip("needs llama-cpp-python and the vocabularies")
    import llama_cpp  # noqa: F401  # the whole package, so that other tests find it as usual

    bindings.start_backend()
    model = bindings.Model.load(path, vocab_only=True)
    assert model is not None
    yield model.vocab
    model.free()


@pytest.mark.parametrize(("kind", "at_first"), [("en", 0.2), ("ru", 0.7), ("mixed", 0.65)])
def test_after_eight_replies_the_error_is_below_five_percent(vocabulary: Any, kind: str, at_first: float) -> None:
    """Of real vocabularies; before the first reply an old vocabulary without Cyrillic is far off in Russian."""
    calibration = DEFAULT
    for number in range(8):
        text = _turns(kind, number)
        tokens = len(vocabulary.tokenize(text))
        error = abs(estimate(text, calibration) - tokens) / tokens
        if number == 0:
            assert error < at_first
        calibration = calibration.learned(features(text), tokens)
    for number in range(8, 24):
        text = _turns(kind, number)
        tokens = len(vocabulary.tokenize(text))
        assert abs(estimate(text, calibration) - tokens) / tokens < 0.05
        calibration = calibration.learned(features(text), tokens)
    assert calibration.error < 0.05
    assert calibration.reports == 24


def test_real_chats_are_met_too(vocabulary: Any) -> None:
    chats = SHARED / "chats"
    if not chats.exists():
        pytest.skip("needs the shared chats")
    text = "\n".join(s for path in sorted(chats.iterdir()) for s in _strings(path.read_text("utf-8")))
    parts = [text[i:i + 6000] for i in range(0, len(text) - 6000, 6000)]
    calibration = DEFAULT
    errors = []
    for part in parts:
        tokens = len(vocabulary.tokenize(part))
        errors.append(abs(estimate(part, calibration) - tokens) / tokens)
        calibration = calibration.learned(features(part), tokens)
    late = sorted(errors[8:])
    assert late[len(late) // 2] < 0.03
    assert late[int(len(late) * 0.9)] < 0.10


def _strings(text: str) -> list[str]:
    found: list[str] = []
    for part in (text, *text.splitlines()):
        try:
            _collect(json.loads(part), found)
        except ValueError:
            continue
        if part is text:
            break
    return found


def _collect(value: Any, found: list[str]) -> None:
    if isinstance(value, str) and len(value) > 40:
        found.append(value)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _collect(inner, found)


counts = st.builds(ScriptCounts, *[st.integers(0, 100_000)] * 12)


@given(st.lists(st.tuples(counts, st.integers(-5, 10_000_000)), max_size=40))
def test_no_report_makes_it_absurd(reports: list[tuple[ScriptCounts, int]]) -> None:
    calibration = DEFAULT
    for found, tokens in reports:
        calibration = calibration.learned(found, tokens)
    assert all(0.01 <= rate <= 8 for rate in calibration.rates)
    size = len(calibration.rates)
    assert all(calibration.covariance[i * size + i] > -1e-6 for i in range(size))
    assert 0 <= calibration.error < 6
    assert calibration.tokens(features("Hello there.")) >= 1
    restored = Calibration.from_json(json.loads(json.dumps(calibration.to_json())))
    assert restored.reports == calibration.reports
    assert restored.rates == pytest.approx(calibration.rates, abs=1e-5)


@pytest.mark.parametrize("tokens", [0, -1, 5, 1, 10**12, 90_000])
def test_what_cannot_be_a_count_of_that_text_teaches_nothing(tokens: int) -> None:
    assert DEFAULT.learned(features(ENGLISH[0]), tokens) is DEFAULT


@pytest.mark.parametrize(
    "kept", [{}, {"names": ["latin"], "rates": [1]}, {"rates": "x"}, DEFAULT.to_json() | {"rates": [None] * 12},
             DEFAULT.to_json() | {"covariance": [0.0]}],
)
def test_what_was_kept_in_another_shape_counts_as_nothing(kept: dict[str, Any]) -> None:
    assert Calibration.from_json(kept) == DEFAULT


def test_before_any_report_the_error_told_is_a_cautious_one() -> None:
    assert DEFAULT.error == 0.25
    better = DEFAULT.learned(features(_turns("en", 1)), estimate(_turns("en", 1)))
    assert better.error < 0.01
