"""How many real loops are noticed, and how many replies that are none: the starter model at temperature 0, held open
beyond its end, and at temperature 1, with nothing against repetition in either.

More replies by hand, for figures: TRAKTIR_REPLIES=500 pytest tests/engine/test_engine_loops.py -s
"""

from __future__ import annotations

import os
import re
from collections import Counter

from engine_help import ask, chat, reply

from tui.domain.loops import LoopWatch
from tui.domain.samplers import Samplers
from tui.engine.proxy import EmbeddedEngine

CLEAN = int(os.environ.get("TRAKTIR_REPLIES", "120"))
PLAIN = Samplers(temperature=0, dry_multiplier=0, repetition_penalty=1, ignore_eos=True)
SAID = (
    "Hello!", "How are you tonight?", "Tell me of the sea.", "What do you like to eat?", "Who lives here?",
    "Do you have a brother?", "What happened then?", "I am tired.", "Shall we go out?", "Sing me a song.",
    "What is in the box?", "It is raining.", "Where is the key?", "I saw a ghost.", "Why?", "And then?",
    "I do not believe you.", "Let us dance.", "Good night.", "Tell me a story about a cat.",
)


def goes_round(text: str) -> bool:
    """By another measure than the one that is tried: one and the same sentence three times, 20 words of it at least."""
    sentences = Counter(tuple(re.findall(r"\w+", s.lower())) for s in re.split(r"[.!?\n]+", text))
    return any(times >= 3 and times * len(words) >= 20 for words, times in sentences.items() if len(words) >= 3)


def alarmed(before: list[str], text: str) -> bool:
    """Whether there was an alarm at any time while it streamed."""
    watch = LoopWatch(before)
    return any(watch.measure(text[:end]).alarm for end in [*range(40, len(text), 40), len(text)])


async def test_loops_of_a_real_model_are_noticed(engine: EmbeddedEngine) -> None:
    found = []
    for system in ("You are Mira.", "You are a keeper of a tavern."):
        for said in SAID:
            text, _ = await reply(engine, ask(chat(said, system=system), samplers=PLAIN, max_tokens=220))
            if goes_round(text):
                found.append(alarmed([], text))
    print(f"loops noticed: {sum(found)} of {len(found)}")
    assert len(found) >= 20
    assert sum(found) >= 0.9 * len(found)


async def test_a_lively_model_raises_no_alarm(engine: EmbeddedEngine) -> None:
    alarms: list[str] = []
    turns: list[str] = []
    for number in range(CLEAN):
        if number % 15 == 0:
            turns = []
        turns.append(SAID[(number * 7 + number // 20) % len(SAID)])
        samplers = Samplers(temperature=1, seed=number + 1, dry_multiplier=0, repetition_penalty=1, min_p=0.05)
        text, _ = await reply(engine, ask(chat(*turns[-7:]), samplers=samplers, max_tokens=120))
        if alarmed(turns[1::2], text):
            alarms.append(text)
        turns.append(text)
    print(f"alarms: {len(alarms)} in {CLEAN} replies", alarms)
    assert len(alarms) <= CLEAN // 500
