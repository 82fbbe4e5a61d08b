"""The rules of SillyTavern's text prompts that no recording at hand shows, each by a prompt of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import compatible_kit as kit
import pytest

from tui.domain.card import Card
from tui.domain.chat import Node, Summary
from tui.domain.errors import BadInput, PromptTooLong
from tui.domain.prompt.compatible.plan import make_compatible_plan
from tui.domain.prompt.compatible.render import compatible_messages, compatible_pieces
from tui.domain.prompt.types import Budget, Cast, Injection, LoreHit
from tui.domain.template import Template

MIRA = Card(
    "Mira", mes_example="<START>\n{{user}}: Cold out?\n{{char}}: Always.\n<START>\n{{user}}: Tea?\n{{char}}: Yes."
)
BOB = Card("Bob", description="{{char}} fishes.", depth_prompt="BOB-NOTE", depth_prompt_depth=0)
PLAIN = {"enabled": "false"}
TAGS = {
    "wrap": "false", "input_sequence": "<u>", "output_sequence": "<a>", "system_sequence": "<s>", "input_suffix": "|",
    "output_suffix": "|", "system_suffix": "|", "story_string_suffix": "|",
}


def said(*texts: str) -> list[Node]:
    return [
        kit.node(at, "assistant" if at % 2 == 0 else "user", "Mira" if at % 2 == 0 else "Alex", text)
        for at, text in enumerate(texts)
    ]


def chat(of: Any = ("Hi.", "Hello."), instruct: Any = TAGS, lore: Any = (), **more: Any) -> str:
    """The prompt after an empty story."""
    values = {"card": Card("Mira"), "persona": "", **more}
    values["prompt"] = {"system": "", **values.get("prompt", {})}
    return kit.prompt_of(kit.turn(said(*of), instruct, **values), lore)[1]


def test_first_and_last_sequences_stand_at_the_ends_of_the_chat() -> None:
    form = {**TAGS, "first_output_sequence": "<A1>", "last_input_sequence": "<U9>", "last_output_sequence": "<A9>"}
    assert chat(("a", "b", "c", "d"), form) == "<A1>a|<u>b|<a>c|<U9>d|<A9>"


def test_impersonation_opens_the_persons_turn_and_keeps_the_last_one_as_it_is() -> None:
    form = {**TAGS, "last_input_sequence": "<U9>"}
    assert chat(("a", "b", "c"), form, kind="impersonate") == "<a>a|<u>b|<a>c|<U9>"


def test_a_continued_message_has_the_last_opener_and_no_end() -> None:
    form = {**TAGS, "last_output_sequence": "<A9>", "input_suffix": "!"}
    assert chat(("a", "b", "c"), form, kind="continue") == "<a>a|<u>b!<A9>c"
    both = {**form, "last_input_sequence": "<U9>"}
    assert chat(("a", "b", "c", "d"), both, kind="continue") == "<a>a|<u>b!<a>c|<U9>d"
    assert chat(("a", "b"), form, kind="continue", prefill="so far ") == "<a>a|<u>b!<A9>so far "


def test_a_continued_message_loses_the_name_it_begins_with_where_nothing_stands_before_it() -> None:
    form = {**TAGS, "output_sequence": " ", "names_behavior": "always"}
    assert chat(("a", "b", "c"), form, kind="continue") == " Mira: a|<u>Alex: b|c"


def test_what_stands_at_depth_0_comes_before_a_continued_message() -> None:
    note = {"note": "N", "note_depth": 0}
    assert chat(("a", "b", "c"), kind="continue", **note) == "<a>a|<u>b|<s>N|<a>c"
    assert chat(("a", "b"), **note) == "<a>a|<u>b|<s>N|<a>"


def test_roles_at_one_depth_stand_as_assistant_user_system() -> None:
    extras = [Injection(str(n), role, role="system") for n, role in enumerate("s")]
    extras += [Injection("u", "u", role="user"), Injection("a", "a", role="assistant"), Injection("z", "s2", depth=9)]
    extras = [replace(one, depth=1 if one.depth == 4 else one.depth) for one in extras]
    assert chat(("1", "2"), injections=extras) == "<s>s2|<a>1|<a>a|<u>u|<s>s|<u>2|<a>"


def test_injections_of_one_place_are_joined_in_the_order_of_their_names() -> None:
    extras = [Injection("b", "B", depth=1), Injection("a", "A", depth=1), Injection("none", "X", position="none")]
    hit = LoreHit("w", "1", "", True, text="L", position="at_depth", depth=1)
    prompt = chat(("1", "2"), injections=extras, lore=[hit], note="N", note_depth=1,
                  card=Card("Mira", depth_prompt="D", depth_prompt_depth=1))
    assert "<s>N\nD\nL\nA\nB|" in prompt


def test_the_last_users_opener_is_for_an_injection_too() -> None:
    form = {**TAGS, "last_input_sequence": "<U9>"}
    assert chat(("a", "b"), form, injections=[Injection("i", "I", depth=0, role="user")]) == "<a>a|<u>b|<U9>I|<a>"


@pytest.mark.parametrize(("interval", "due"), [(1, True), (2, True), (3, False), (4, False), (0, False)])
def test_the_note_is_due_every_so_many_messages_of_the_person(interval: int, due: bool) -> None:
    prompt = chat(("a", "b", "c", "d"), note="NOTE", note_interval=interval, persona="P", persona_position="note_top")
    assert ("<s>P\nNOTE|" in prompt) is due
    assert "P" not in prompt.replace("P\nNOTE", "")


def test_lore_around_the_note_stands_inside_the_persona() -> None:
    hits = [
        LoreHit("w", str(n), "", True, text=f"{p[5:]}{o}", position=p, order=o)
        for n, (p, o) in enumerate([("note_top", 9), ("note_top", 1), ("note_bottom", 5)])
    ]
    story = {"story_string": "[{{anchorBefore}}][{{anchorAfter}}]{{persona}}"}
    prompt = chat(("a",), lore=hits, note="N", note_position="after_story", persona="P", context=story,
                  persona_position="note_bottom")
    assert prompt.startswith("[][top1\ntop9\nN\nbottom5\nP]|")
    assert chat(("a",), lore=hits[2:], note="", note_depth=0).endswith("<s>bottom5|<a>")


def test_persona_can_be_left_out() -> None:
    assert "courier" not in chat(persona="a courier", persona_position="none", context={"story_string": "{{persona}}"})


def test_examples_of_lore_stand_around_the_cards() -> None:
    hits = [
        LoreHit("w", str(order), "", True, text=f"Alex: q{order}", position=position, order=order)
        for order, position in (
            (3, "examples_top"), (7, "examples_top"), (4, "examples_bottom"), (8, "examples_bottom"),
        )
    ]
    prompt = chat(("a",), {**TAGS, "names_behavior": "none"}, lore=hits, card=Card("Mira", mes_example="Alex: mine"))
    assert prompt == "<u>q7|<u>q3|<u>mine|<u>q4|<u>q8|<a>a|<a>"


def test_lines_of_one_speaker_are_one_example_message() -> None:
    text = "<start>\n{{user}}: one\n{{user}}: two\nmore\n{{char}}: three\n<START>\nno name here"
    card = Card("Mira", mes_example=text)
    assert chat(("a",), {**TAGS, "names_behavior": "none"}, card=card) == "<u>one\nAlex: two\nmore|<a>three|<a>a|<a>"


def test_examples_without_any_speaker_stay_as_they_are() -> None:
    assert chat(("a",), card=Card("Mira", mes_example="no name here")) == "no name here\n<a>a|<a>"


def test_unpinned_examples_leave_line_by_line_and_pinned_ones_cost_chat() -> None:
    texts = ["x" * 40, "y" * 40, "z" * 40]
    whole = chat(texts, card=MIRA, prompt={"examples": "always"})
    assert whole == chat(texts, card=MIRA)
    tight = Budget(len(whole) // 4 + 1, 0)
    cut = chat(texts, card=MIRA, budget=tight)
    assert "Tea?" in cut
    assert "Yes." not in cut
    assert "xxx" in cut
    pinned = chat(texts, card=MIRA, budget=tight, prompt={"examples": "always"})
    assert "Yes." in pinned
    assert "xxx" not in pinned
    assert "yyy" in pinned
    assert "Tea?" not in chat(texts, card=MIRA, prompt={"examples": "never"})


def test_injections_are_kept_while_the_oldest_messages_leave() -> None:
    turn = kit.turn(said(*("word " * 20 for _ in range(9))), TAGS, note="THE NOTE", note_depth=6, persona="",
                    budget=Budget(110, 10))
    plan, prompt = kit.prompt_of(turn)
    assert prompt.count("<a>") + prompt.count("<u>") < 6
    assert "THE NOTE" in prompt
    assert kit.quarter(prompt) <= 100
    assert plan.cut == tuple(n.id for n in turn.path[: len(plan.cut)])
    assert plan.state.anchor == f"n{len(plan.cut)}"
    left = [s for s in plan.segments if not s.included]
    assert [s.source for s in left] == [f"messages:n0:n{len(plan.cut) - 1}"]


def test_a_newest_message_that_does_not_fit_is_refused_with_the_parts() -> None:
    with pytest.raises(PromptTooLong) as refused:
        chat(("word " * 200,), budget=Budget(100, 10))
    assert [s["source"] for s in refused.value.details["segments"]] == ["message:n0"]


def test_the_alignment_message_stands_before_a_reply_that_is_the_oldest() -> None:
    form = {**TAGS, "user_alignment_message": "Begin, {{char}}.", "first_input_sequence": "<U1>"}
    assert chat(("a", "b"), form) == "<U1>Begin, Mira.|<a>a|<u>b|<a>"
    path = [kit.node(0, "user", "Alex", "x"), kit.node(1, "assistant", "Mira", "y"), kit.node(2, "user", "Alex", "z")]
    turn = kit.turn(path, form, persona="", prompt={"system": ""})
    assert kit.prompt_of(turn)[1] == "<U1>x|<a>y|<u>z|<a>"


def test_names_by_force_mark_others_than_the_two() -> None:
    path = said("a", "b")
    path += [kit.node(7, "user", "Old Me", "c"), kit.node(8, "assistant", "Guest", "d")]
    path.append(kit.node(9, "system", "S", "e"))
    for behaviour, want in {
        "none": "<a>a|<u>b|<u>c|<a>d|<s>e|<a>",
        "force": "<a>a|<u>b|<u>Old Me: c|<a>Guest: d|<s>e|<a>",
        "always": "<a>Mira: a|<u>Alex: b|<u>Old Me: c|<a>Guest: d|<s>e|<a>Mira:",
    }.items():
        turn = kit.turn(path, {**TAGS, "names_behavior": behaviour}, persona="", prompt={"system": ""})
        assert kit.prompt_of(turn)[1] == want


def test_who_greets_is_the_character_whatever_the_card_is_called_now() -> None:
    form = {**TAGS, "names_behavior": "force"}
    assert chat(("a", "b", "c"), form, card=Card("Mira, renamed")) == "<a>a|<u>b|<a>c|<a>"


def test_the_blank_of_the_usual_opener_is_put_before_the_name() -> None:
    form = {**TAGS, "output_sequence": "[A] ", "last_output_sequence": "[LAST]", "names_behavior": "always"}
    assert chat(("a",), form).endswith("[LAST] Mira:")


def test_name_in_sequences_is_the_speakers() -> None:
    form = {**TAGS, "names_behavior": "none", "input_sequence": "<{{name}}>", "output_sequence": "<{{Name}}>",
            "system_sequence": "<{{name}}>"}
    path = [*said("a", "b"), kit.node(8, "system", "", "n")]
    turn = kit.turn(path, form, note="N", note_depth=0, persona="", prompt={"system": "", "post_history": "P"})
    assert kit.prompt_of(turn)[1] == "<Mira>a|<Alex>b|<System>n|<Mira>N|<System>P|<Mira>"
    assert kit.prompt_of(turn)[0].stops == ("\nAlex:", "<Alex>", "<Mira>", "<System>")


def test_names_in_sequences_are_never_markup() -> None:
    turn = kit.turn(said("a"), {**TAGS, "output_sequence": "<|{{char}}|>"}, card=Card("<|im_end|>"), persona="",
                    prompt={"system": ""})
    plan = make_compatible_plan(turn, kit.quarter)
    pieces = compatible_pieces(plan, turn)[1]
    assert [p.text for p in pieces if "im_end" in p.text and p.markup] == []
    assert {p.text for p in pieces if p.markup} >= {"<|", "|>"}


@pytest.mark.parametrize(("names", "end"), [("none", "\n<|im_start|>assistant\n*She\n"),
                                            ("always", "\n<|im_start|>assistant\nMira: *She")])
def test_a_started_reply_is_trimmed_and_followed_by_a_line_end(names: str, end: str) -> None:
    form = {**kit.INSTRUCT["ChatML"], "names_behavior": names}
    assert chat(("a", "b"), form, prefill=" *She ").endswith(end)
    assert chat(("a", "b"), {**TAGS, "names_behavior": names}, prefill=" *She ").endswith(
        "<a>*She " if names == "none" else "<a>Mira: *She "
    )


def test_a_quiet_instruction_with_an_opener_of_its_own() -> None:
    form = {**TAGS, "last_system_sequence": "<S9 {{name}}>"}
    assert chat(("a", "b"), form, kind="quiet", instruction="Sum up.") == "<a>a|<u>b|<s>Sum up.|<S9 System>"


def test_guidance_for_an_impersonation_stands_before_the_opener() -> None:
    assert chat(("a",), kind="impersonate", instruction="Be terse.") == "<a>a|<s>Be terse.|<u>"


def test_without_a_format_messages_are_lines() -> None:
    path = [*said("a", "b", "c"), kit.node(7, "system", "Narrator", "Thunder.")]
    base = {"persona": "", "prompt": {"system": "", "post_history": "PHI"}}
    lines = "Mira: a\nAlex: b\nMira: c\nThunder.\nPHI"
    assert kit.prompt_of(kit.turn(path, PLAIN, **base))[1] == f"{lines}\nMira:"
    quiet = kit.turn(path, PLAIN, kind="quiet", instruction="Q", **base)
    assert kit.prompt_of(quiet)[1] == f"{lines}\nQ"
    started = kit.turn(path, PLAIN, prefill="*She ", **base)
    assert kit.prompt_of(started)[1] == f"{lines}\nMira: *She "
    off = kit.turn(path, PLAIN, context={"always_force_name2": "false"}, **base)
    plan, prompt = kit.prompt_of(off)
    assert prompt == lines
    assert plan.stops == ("\nAlex:",)


def test_continuing_without_a_format() -> None:
    base = {"instruct": PLAIN, "kind": "continue"}
    assert chat(("a", "b", "c"), **base) == "Mira: a\nAlex: b\nMira: c"
    assert chat(("a", "b"), **base) == "Mira: a\n Alex: b"
    assert chat(("a",), **base) == "Mira: a"


def test_the_story_in_the_chat_has_no_ends_of_its_own() -> None:
    form = {**TAGS, "story_string_prefix": "<PRE>"}
    place = {"story_string": "STORY", "story_string_position": 1, "story_string_depth": "1", "story_string_role": "1"}
    assert chat(("a", "b"), form, context=place) == "<a>a|<u>STORY|<u>b|<a>"
    assert chat(("a", "b"), form, context={"story_string": "STORY"}) == "<PRE>STORY|<a>a|<u>b|<a>"


def test_a_story_from_before_anchors_gets_them() -> None:
    old = {"story_string": "{{system}}\n{{trim}}", "example_separator": "***", "chat_start": "==="}
    prompt = replace(kit.turn([]).prompt, sillytavern=old, system="SYS")
    extras = [Injection("b", "BEFORE", "before"), Injection("a", "AFTER", "after")]
    turn = replace(kit.turn(said("a"), TAGS, injections=extras, persona=""), prompt=prompt)
    assert kit.prompt_of(turn)[1] == "BEFORE\nSYS\nAFTER|===\n<a>a|<a>"


def test_card_overrides_hold_the_presets_own_text_once() -> None:
    card = Card(
        "Mira", system_prompt="CARD for {{char}}: {{original}}{{original}}", post_history_instructions="P {{original}}"
    )
    story = {"story_string": "{{system}}"}
    prompt = {"system": "Own {{user}}.", "post_history": "Q"}
    assert chat(("a", "b"), card=card, prompt=prompt, context=story) == "CARD for Mira: Own Alex.|<a>a|<u>b|<u>P Q|<a>"
    off = {**story, "prefer_character_prompt": "false", "prefer_character_jailbreak": "false"}
    assert chat(("a",), card=card, prompt=prompt, context=off) == "Own Alex.|<a>a|<u>Q|<a>"
    assert chat(("a",), card=card, prompt=prompt, context={**story, "sysprompt_enabled": "false"}) == "<a>a|<a>"
    assert chat(("a", "b"), card=card, prompt=prompt, context=off, kind="continue").endswith("<a>a|<u>Q|<u>b")


def test_the_chats_own_scenario_and_examples_stand_for_the_cards() -> None:
    prompt = chat(("a",), card=replace(MIRA, scenario="card's"), scenario="{{char}} at sea", mes_example="Alex: own",
                  context={"story_string": "{{scenario}}"})
    assert prompt == "Mira at sea|<u>Alex: own|<a>a|<a>"


def test_thoughts_are_added_to_the_newest_replies() -> None:
    path = [
        kit.node(0, "assistant", "Mira", "a", "one"), kit.node(1, "user", "Alex", "b"),
        kit.node(2, "assistant", "Mira", "c", "two"),
    ]
    tags = {"reasoning": {"prefix": "(", "suffix": ")", "separator": " "}}
    base = {"persona": "", "prompt": {"system": ""}, "context": tags}
    assert kit.prompt_of(kit.turn(path, TAGS, reasoning_added=1, **base))[1] == "<a>a|<u>b|<a>(two) c|<a>"
    assert kit.prompt_of(kit.turn(path, TAGS, kind="continue", **base))[1] == "<a>a|<u>b|<a>(two) c"
    path[2] = kit.node(2, "assistant", "Mira", "", "two")
    assert kit.prompt_of(kit.turn(path, TAGS, kind="continue", **base))[1] == "<a>a|<u>b|<a>(two"


def test_regular_expressions_see_depths_and_placements() -> None:
    seen: list[tuple[str, str, int]] = []

    def rewrite(text: str, what: str, depth: int) -> str:
        seen.append((text, what, depth))
        return text.upper()

    turn = kit.turn(said("a", "b"), TAGS, persona="", prompt={"system": ""})
    plan = make_compatible_plan(turn, kit.quarter, rewrite=rewrite)
    assert "".join(p.text for p in compatible_pieces(plan, turn)[1]) == "<a>A|<u>B|<a>"
    assert seen == [("a", "assistant", 1), ("b", "user", 0)]


def test_groups_join_cards_of_members_that_are_not_muted() -> None:
    members = (replace(MIRA, description="{{char}} keeps.", mes_example=""), BOB)
    story = {"context": {"story_string": "{{description}}"}, "prompt": {"system": ""}, "persona": ""}

    def with_cast(cast: Cast) -> str:
        return kit.prompt_of(kit.turn(said("a"), TAGS, card=members[0], cast=cast, group=True, **story))[1]

    assert with_cast(Cast(members)) == "Mira keeps.|<a>Mira: a|<a>Mira:"
    joined = with_cast(Cast(members, join=True, prefix="[<FIELDNAME> {{char}}] ", suffix=";"))
    assert joined == "[Description Mira] Mira keeps.;\n[Description Bob] Bob fishes.;|<a>Mira: a|<s>BOB-NOTE|<a>Mira:"
    muted = Cast(members, frozenset({"Bob"}), join=True)
    assert with_cast(muted) == "Mira keeps.|<a>Mira: a|<a>Mira:"
    assert with_cast(replace(muted, with_muted=True)) == "Mira keeps.\nBob fishes.|<a>Mira: a|<a>Mira:"


def test_stop_strings_in_order() -> None:
    form = {**TAGS, "wrap": "true", "stop_sequence": "E1\nE2", "first_output_sequence": " "}
    form["last_system_sequence"] = "<ls>"
    context = {
        "single_line": "true", "use_stop_strings": "true", "chat_start": "== {{char}}", "example_separator": "**",
        "custom_stopping_strings": '["END", "\\nAlex:"]',
    }
    turn = kit.turn(said("a", "b"), form, context=context, kind="continue")
    assert kit.prompt_of(turn)[0].stops == (
        "\n", "\nAlex:", "\nMira:", "\nE1", "\nE2", "\n<u>", "\n<a>", "\n<s>", "\n<ls>", "\n== Mira", "\n**", "END",
    )
    bare = {**form, "sequences_as_stop_strings": "false"}
    few = kit.turn(said("a"), bare, context={"names_as_stop_strings": "false"})
    assert kit.prompt_of(few)[0].stops == ("\nE1", "\nE2")


def test_rows_of_line_ends_become_one_on_demand() -> None:
    context = {"story_string": "{{description}}\n\n", "collapse_newlines": "true"}
    form = {**TAGS, "story_string_suffix": "\n\n", "output_suffix": "\n\n"}
    assert chat(("a\r\n\nb", "c"), form, card=Card("Mira", description="x\n\n\ny"), context=context) == (
        "x\ny\n<a>a\nb\n<u>c|<a>"
    )


def test_a_story_that_is_not_closed_is_refused() -> None:
    with pytest.raises(BadInput):
        chat(context={"story_string": "{{#if system}}x"})


def test_hidden_messages_are_not_sent_and_macros_of_the_greeting_are_filled() -> None:
    path = [kit.node(0, "assistant", "Mira", "Come in, {{user}}.")]
    path.append(kit.node(1, "user", "Alex", "{{char}}", hidden=True))
    path.append(kit.node(2, "user", "Alex", "{{char}}?"))
    turn = kit.turn(path, TAGS, persona="", prompt={"system": ""})
    assert kit.prompt_of(turn)[1] == "<a>Come in, Alex.|<u>{{char}}?|<a>"


def test_an_empty_chat_has_an_opener() -> None:
    assert chat((), context={"story_string": "S"}) == "S|<a>"


def test_summaries_follow_the_story_and_their_messages_stay() -> None:
    path = said("a", "b")
    summary = Summary("s1", (("n0", "r0"),), ("It began.",), 0)
    turn = kit.turn(path, TAGS, persona="", prompt={"system": ""}, summaries=[summary])
    assert kit.prompt_of(turn)[1] == "[What happened before: It began.]|<a>a|<u>b|<a>"


def test_formats_of_our_own_serve_without_a_preset() -> None:
    template = Template(
        "own", bos="<s>", user_prefix="<u>", user_suffix="|", assistant_prefix="<a>", assistant_suffix="|",
        generation_prefix="<g>", system_prefix="<s>", system_suffix="|", stop=("|",), names="always",
    )
    turn = replace(kit.turn(said("a", "b"), persona=""), template=template)
    turn = replace(turn, prompt=replace(turn.prompt, sillytavern={}, story="{{#if system}}{{system}}\n{{/if}}"))
    plan = make_compatible_plan(turn, kit.quarter)
    bos, pieces = compatible_pieces(plan, turn)
    written = "".join(p.text for p in pieces)
    assert bos == "<s>"
    system = kit.SYSTEM.replace("{{char}}", "Mira").replace("{{user}}", "Alex")
    assert written == f"<s>{system}|<a>Mira: a|<u>Alex: b|<g>Mira:"
    assert [(m.role, m.content[:5]) for m in compatible_messages(plan, turn)] == [
        ("system", "Write"), ("assistant", "a"), ("user", "b"),
    ]
