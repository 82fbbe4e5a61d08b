"""The macro language: nesting, scopes, conditions, variables, chance, and what stays as it is written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tui.domain.macros import (
    Collected,
    Frozen,
    MacroContext,
    MacroUse,
    Variables,
    expand,
    macro_uses,
    volatile_macros,
)

CONTEXT = MacroContext(
    user="Alex", char="Mira", description="A keeper.", personality="", last_message="Sit.",
    clock="2025-01-15T14:05:09+03:00", idle_since="2025-01-15T12:05:09+03:00", seed=7, place="test",
    greetings=("Hello.", "Hi."), outlets={"map": "North."}, facts={"model": "tiny", "instructinput": "<in>{{name}}"},
)


def filled(text: str, **local: str) -> str:
    return expand(text, replace(CONTEXT, variables=Variables(local, {"g": "10"})))


@pytest.mark.parametrize(("text", "expected"), [
    # Braces
    ("{{{char}}", "{Mira"), ("{{char}}}", "Mira}"), ("{{{{char}}}}", "{{Mira}}"), ("{{{{char}}", "{{Mira"),
    ("{{ hehe {{user}}", "{{ hehe Alex"), ("Foo }} {{user}} }}", "Foo }} Alex }}"),
    ("{{reverse::pre-{ {{user}} }-post}}", "tsop-} xelA {-erp"), (r"\{\{user\}\} \{x\}", "{{user}} {x}"),
    ("<GROUP> <CHARIFNOTGROUP> <other>", "Mira Mira <other>"),
    # Arguments
    ("{{reverse:abc::def}}", "fed::cba"), ("{{reverse abc def}}", "fed cba"), ("{{reverse::a::b}}",) * 2,
    ("{{reverse}}", "{{reverse}}"), ("{{char::extra}}", "{{char::extra}}"), ("{{user x {{char}}}}", "{{user x Mira}}"),
    ("{{ setvar :: a :: b }}{{ getvar a }}", "b"), ("{{setvar::a:: {{newline}}b }}{{getvar::a}}", "\nb"),
    ("{{!reverse::hello}}{{ # user }}", "ollehAlex"), ("{{unknown::my {{newline}} x}}", "{{unknown::my \n x}}"),
    # Scopes
    ("{{reverse}}hello{{/reverse}}", "olleh"), ("{{/user}} {{/getvar::x}}", "{{/user}} {{/getvar::x}}"),
    ("{{user}}Hello {{char}}!{{/user}}", "{{user}}Hello Mira!{{/user}}"),
    ("{{setvar::a::b}}c{{/setvar}}{{getvar::a}}", "{{setvar::a::b}}c{{/setvar}}"),
    ("{{setvar::a}}c{{/getvar}}{{getvar::a}}", "{{setvar::a}}c{{/getvar}}"),
    ("{{setvar::o}}A {{setvar::i}}B{{/setvar}} C{{/setvar}}{{getvar::o}}|{{getvar::i}}", "A  C|B"),
    ("{{setvar::v}}\n  parent\n    child\n  sibling\n{{/setvar}}[{{getvar::v}}]", "[parent\n  child\nsibling]"),
    ("{{setvar::v}}\n  {{char}} x\n  y{{/setvar}}[{{getvar::v}}]", "[Mira x\ny]"),
    ("{{#setvar::v}}\n  a \n{{/setvar}}[{{getvar::v}}]", "[\n  a \n]"),
    ("{{trim}}  a {{trim}}  b  {{/trim}} c  {{/trim}}", "a b c"), ("A\n\n{{trim}}\n\nB\n{{trim}}\nC", "ABC"),
    ("a\n{{noop}}{{trim}}\nb", "a\nb"), ("{{if 1}}x\n{{trim}}{{/if}}\ny", "xy"),
    # Conditions
    ("{{if char}}{{char}} exists{{/if}}", "Mira exists"), ("{{if personality}}y{{else}}n{{/if}}", "n"),
    ("{{if::hello::shown}}{{if::off::hidden}}{{if::::hidden}}", "shown"), ("{{if char::x}}", "{{if char::x}}"),
    ("{{if False}}a{{else}}b{{/if}}{{if !yes}}c{{/if}}{{if ! personality}}d{{/if}}", "bd"),
    ("{{if::}}A{{else}}B{{if::}}C{{else}}D{{/if}}{{/if}}", "BD"), ("{{#if yes}}\n  kept  \n{{/if}}", "\n  kept  \n"),
    ("{{if 0}}{{if::1::inner}}{{else}}outer{{/if}}", "outer"), ("{{else}}", ""), ("{{if x}}open", "{{if x}}open"),
    ("{{if 0}}{{setvar::a::1}}{{else}}{{setvar::b::2}}{{/if}}{{hasvar::a}}{{varexists::b}}", "falsetrue"),
    ("{{if .flag}}y{{else}}n{{/if}}{{if !$g}}y{{else}}n{{/if}}", "nn"), ("{{if $g > 9}}many{{/if}}", "many"),
    ("{{setvar::bang::!x}}{{if {{getvar::bang}}}}has{{/if}}", "has"), ("{{#unless x}}{{/unless}}",) * 2,
    # Variables
    ("{{addvar::a::2}}{{addvar::a::0.5}}{{getvar::a}} {{incvar::a}} {{decvar::new}}", "2.5 3.5 -1"),
    ("{{addvar::t::ab}}{{addvar::t::c}}{{getvar::t}}{{flushvar::t}}{{hasvar::t}}", "abcfalse"),
    ("{{getglobalvar::g}}{{incglobalvar::g}}{{setglobalvar::h::1}}{{$h}}{{deleteglobalvar::h}}{{$h}}", "10111"),
    ("{{.x = 5}}{{.x++}}{{.x += 10}}{{.x}}{{.x -= 1}}{{ .x -- }}", "61614"), ("{{.my-var = a}}{{.my-var}}", "a"),
    ("{{.n || a}}{{.n ??= b}}{{.n}}{{.n || c}}{{.n ||= d}}", "abbbb"), ("{{.e = }}{{.e ?? x}}{{.e || y}}", "y"),
    ("{{.n ?? {{setvar::side::1}}z}}{{$g ?? {{setvar::no::1}}}}{{hasvar::side}}{{hasvar::no}}", "z10truefalse"),
    ("{{$g == 10.0}}{{$g != 10}}{{$g >= 10}}{{$g < 9}}{{.z > 1}}", "truefalsetruefalsefalse"),
    ("{{.l = [1]}}{{.l += x}}{{.l}}{{getvarkey::l::1}}", '[1,"x"]x'),
    ("{{setvarkey::o::k::v}}{{getvar::o}}{{getvarkey::o::k}}{{getvarkey::o::none}}", '{"k":"v"}v'),
    ("{{.bad name}} {{.}} {{$}} {{.x -}}",) * 2,
    # Names, chat, card and the rest
    ("{{group}}{{notChar}}{{groupNotMuted}}", "MiraAlexMira"), ("{{model}}{{charVersion}}[{{charPrefix}}]", "tiny[]"),
    ("{{greeting}} {{greeting::1}} {{charFirstMessage::9}}", "Hello. Hi. "), ("{{outlet::map}}{{outlet::x}}", "North."),
    ("{{instructUserPrefix}}", "<in>{{name}}"), ("{{isMobile}}{{hasExtension::x}}", "falsefalse"),
    ("{{comment: a {{user}}}}{{hidden_key:b}}{{//}}x\n{{user}}{{///}}{{// y}}.", "."), ("{{///}}", "{{///}}"),
    ("a{{space::3}}b", "a   b"), ("{{newline::x}}", "{{newline::x}}"), ("{{lastUserMessage}}[{{input}}]", "[]"),
    # Time
    ("{{time_UTC+2}} {{time::UTC-3:30}} {{time::UTC+330}}", "1:05 PM 7:35 AM 4:35 PM"),
    ("{{time_UTC+999999}}",) * 2, ("{{idleDuration}} {{idle_duration}}", "2 hours 2 hours"),
    ("{{datetimeformat::dddd, Do MMM YYYY [at] HH:mm:ss Z ZZ}}", "Wednesday, 15th Jan 2025 at 14:05:09 +03:00 +0300"),
    ("{{datetimeformat DD.MM.YY LT}} {{datetimeformat::Q w W E DDDD}}", "15.01.25 2:05 PM 1 3 3 3 015"),
    ("{{timeDiff::2024-01-03::2024-01-01}} {{timeDiff::2024-01-01::2025-03-01}}", "in 2 days a year ago"),
    ("{{timeDiff::2024-01-01 10:00::{{date}}}} {{timeDiff::x::y}}", "a year ago {{timeDiff::x::y}}"),
    # Chance
    ("{{random}}{{random::}}{{pick::}}", ""), ("{{roll:abc}} {{roll:101d6}}",) * 2,
])
def test_macro(text: str, expected: str) -> None:
    assert filled(text) == expected


def test_values_with_marks_are_only_text() -> None:
    context = MacroContext(
        user="a::b{{char}}", char="{{/if}}{{else}}\\{\\{", facts={"model": "{{user}}"},
        variables=Variables({"v": "{{user}}"}),
    )
    assert expand("{{setvar::n::{{user}}}}{{getvar::n}}", context) == "a::b{{char}}"
    assert expand("{{if 1}}{{char}}x{{/if}}", context) == "{{/if}}{{else}}\\{\\{x"
    assert expand("{{model}}{{.v}}{{if {{.v}}}}!{{/if}}", context) == "{{user}}{{user}}!"


def test_a_context_that_knows_little_leaves_more_as_it_is() -> None:
    text = "{{model}}{{.x}}{{setvar::a::1}}{{outlet::a}}{{idleDuration}}{{description}}{{banned x}}"
    assert expand(text, MacroContext()) == text


def test_variables_tell_what_changed() -> None:
    variables = Variables({"a": "1", "gone": "x", "same": "s"}, {"g": "1"})
    trial = variables.copy()
    for kind in (trial, variables):
        expand("{{incvar::a}}{{deletevar::gone}}{{setvar::same::s}}{{.new = n}}{{$g++}}", MacroContext(variables=kind))
    assert variables.changed() == {"a": "2", "gone": None, "new": "n"}
    assert variables.changed(shared=True) == {"g": "2"}
    assert trial.local == variables.local == {"a": "2", "same": "s", "new": "n"}
    assert Variables({"a": "1"}).copy().changed() == {}


def test_variables_have_limits() -> None:
    variables = Variables()
    expand("{{setvar::a::" + "x" * 70_000 + "}}{{setvarkey::l::999999::x}}{{setvar::" + "n" * 300 + "::x}}",
           MacroContext(variables=variables))
    for number in range(1500):
        variables.set(f"v{number}", "x")
    assert len(variables.local) == 1000
    assert not {"a", "l"} & set(variables.local)


def test_banned_words_are_collected() -> None:
    collected = Collected()
    assert expand('{{banned "delve"}}{{banned::delve}}{{banned:ash "n"}}.', MacroContext(collected=collected)) == "."
    assert collected.banned == ["delve", 'ash "n"']


def test_pick_follows_the_chat_and_random_the_turn() -> None:
    text = "{{pick::" + "::".join("abcdefghij") + "}}{{random::" + "::".join("abcdefghij") + "}}"

    def one(seed: int, chat: str) -> str:
        return expand(text, MacroContext(seed=seed, pick_seed=chat))

    assert one(1, "x") == one(1, "x")
    assert len({one(seed, "x")[0] for seed in range(20)}) == 1
    assert len({one(1, str(chat))[0] for chat in range(20)}) > 1
    assert len({one(seed, "x")[1] for seed in range(20)}) > 1


def test_dice_stay_within_their_sides() -> None:
    rolls = [int(expand("{{roll:2d%-1}}", MacroContext(seed=seed))) for seed in range(50)]
    assert set(rolls) <= set(range(1, 200))
    assert len(set(rolls)) > 20


def test_frozen_text_stays_whatever_the_chat_does() -> None:
    text = (
        "{{lastMessage}} {{.mood}} {{getvar::mood}} {{if .mood == glad}}glad{{else}}not{{/if}} {{idleDuration}}"
        "{{lastMessageId}} {{.n ?? none}} {{incvar::count}}"
    )
    first = Frozen()
    before = Variables({"mood": "glad", "count": "0"})
    was = expand(text, replace(CONTEXT, frozen=first, facts={"lastmessageid": "4"}, variables=before))
    after = Variables({"mood": "sad", "n": "1", "count": "5"})
    now = replace(
        CONTEXT, frozen=Frozen(first.used), last_message="Go.", idle_since="", facts={"lastmessageid": "6"},
        variables=after, clock="2026-01-01T00:00:00",
    )
    assert expand(text, now) == was == "Sit. glad glad glad 2 hours4 none 1"
    assert after.local["count"] == "6"
    assert expand(text, replace(now, frozen=None, variables=Variables())) != was


def test_long_macros_have_short_keys() -> None:
    frozen = Frozen()
    expand("{{random::" + "a::" * 5000 + "}}", MacroContext(frozen=frozen, place="p"))
    assert all(len(key) < 250 for key in frozen.used)


def test_volatile_macros_are_named() -> None:
    text = "{{user}} <CHAR> {{nix::{{time}}}} {{if .mood}}{{roll:6}}{{/if}} {{TIME}} {{$g}} {{.a = 1}} {{pick::a::b}}"
    assert volatile_macros(text) == ["time", "if", "roll", "$g"]
    assert volatile_macros("{{char}} {{if char}}x{{/if}} {{setvar::a::b}} {{trim}} {{// {{x}} }}") == []
    assert macro_uses("{{user}} {{nix}} <BOT> {{?}}") == [
        MacroUse("user", "{{user}}", True, False), MacroUse("nix", "{{nix}}", False, False),
        MacroUse("char", "<BOT>", True, False),
    ]
