"""Prompts of groups: one beginning for all speakers where the cards are joined, and who speaks named at the end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from prompt_kit import CHATML, included, node, text, turn, words

from tui.domain.card import Card
from tui.domain.chat import Node
from tui.domain.prompt.plan import make_plan
from tui.domain.prompt.types import Cast, PlanState, Turn

NELL = Card("Nell", description="{{char}} keeps the lighthouse.", system_prompt="Be {{char}}.", depth_prompt="Cold.",
            mes_example="<START>\n{{user}}: Tea?\n{{char}}: Please.")
BOB = Card("Bob", description="{{char}} fishes.", scenario="{{char}}'s pier.", mes_example="<START>\n{{char}}: Fish!")
ANNA = Card("Анна", description="{{char}} чинит часы.")
CARDS = (NELL, BOB, ANNA)


def path() -> list[Node]:
    return [
        node(0, "assistant", "Evening.", "Nell"), node(1, "user", "Hello, all.", "Alex"),
        node(2, "assistant", "Aye.", "Bob"),
    ]


def played(speaker: Card, joined: bool, **more: Any) -> Turn:
    cast = Cast(CARDS, frozenset({"Анна"}), joined, with_muted=bool(more.pop("with_muted", False)))
    return turn(more.pop("path", path()), card=speaker, cast=cast, group=True, **more)


def before_the_end(speaker: Card, joined: bool, **more: Any) -> tuple[str, str]:
    of = played(speaker, joined, **more)
    whole = text(make_plan(of, words), of)
    nudge = f"[Write the next reply only as {speaker.name}.]"
    assert whole.count(nudge) == 1
    assert whole.endswith(f"{speaker.name}:")
    return whole.partition(nudge)[0], whole


@pytest.mark.parametrize("more", [
    {}, {"with_muted": True}, {"persona": "A friend of {{char}}."}, {"scenario": "{{char}} at sea."},
    {"mes_example": "<START>\n{{char}}: Ahoy."}, {"note": "Stay with {{group}}.", "note_position": "before_story"},
], ids=["plain", "all", "persona", "scenario", "examples", "note"])
def test_joined_cards_make_the_same_beginning_whoever_speaks(more: dict[str, Any]) -> None:
    beginnings = {before_the_end(card, True, **more)[0] for card in CARDS}
    assert len(beginnings) == 1
    (beginning,) = beginnings
    assert "Nell keeps the lighthouse.\nBob fishes." in beginning
    assert ("Анна чинит часы." in beginning) is bool(more.get("with_muted"))
    assert "Be Nell." not in beginning, "one member's own system prompt would change the head with the speaker"


def test_a_speaker_alone_reads_no_card_but_their_own_and_all_that_was_said() -> None:
    for card in CARDS:
        _, whole = before_the_end(card, False)
        others = [c for c in CARDS if c is not card]
        assert card.description.replace("{{char}}", card.name) in whole
        assert all(c.description.replace("{{char}}", c.name) not in whole for c in others)
        assert "Nell: Evening." in whole
        assert "Bob: Aye." in whole
        assert "Alex: Hello, all." in whole


def test_the_cached_beginning_is_kept_from_speaker_to_speaker() -> None:
    for joined, kept in ((True, True), (False, False)):
        first = played(NELL, joined)
        plan = make_plan(first, words)
        said = [*path(), node(3, "assistant", "The lamp is lit.", "Nell")]
        state = PlanState.from_json(plan.state.to_json())
        after = make_plan(replace(played(BOB, joined, path=said), state=state), words)
        head = sum(s.tokens for s in plan.segments if s.included and s.volatility in ("head", "memory"))
        assert (after.expected_reuse >= head) is kept, after.first_change


def test_a_format_that_names_speakers_itself_names_each_by_their_own() -> None:
    own = replace(CHATML, assistant_prefix="{{char}}: ", assistant_suffix="\n", generation_prefix="{{char}}:")
    whole = text(make_plan(of := played(BOB, True, template=own), words), of)
    assert "Nell: Evening." in whole
    assert "Bob: Evening." not in whole
    assert whole.endswith("Bob:")
    assert "Bob: Bob:" not in whole


def test_the_nudge_is_a_segment_of_its_own_and_leaves_where_it_has_no_place() -> None:
    plan = make_plan(played(BOB, True), words)
    assert included(plan)[-1] == "cast"
    assert plan.stops[-3:] == ("\nAlex:", "\nNell:", "\nАнна:")
    for more in ({"prefill": "Aye, and"}, {"kind": "impersonate"}):
        assert "cast" not in included(make_plan(replace(played(BOB, True), **more), words))  # type: ignore[arg-type]
    quiet = replace(played(BOB, True).prompt, group_nudge="")
    assert "cast" not in included(make_plan(played(BOB, True, prompt=quiet), words))
