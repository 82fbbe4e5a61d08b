"""Chat templates of strangers, rendered in the helper process."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tui.domain.prompt.derive import derive_template
from tui.sandbox import Refusal, Sandbox

CHAT: dict[str, Any] = {
    "messages": [{"role": "user", "content": "{{ 7*7 }} {% raw %}"}], "clock": "2025-01-05T12:00:00",
}
#: Resident memory that a template may bring the process to, in kB.
MEMORY_KB = 300 * 1024


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    box = Sandbox()
    yield box
    box.close()


def refused(sandbox: Sandbox, template: str) -> Refusal:
    (answer,) = sandbox.render(template, [CHAT])
    assert isinstance(answer, Refusal)
    return answer


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{% for m in messages %}\n    {% if m.role == 'user' %}\n<{{ m.content }}>\n    {% endif %}\n{% endfor %}",
         "<{{ 7*7 }} {% raw %}>\n"),
        ("{{ {'a': '<ж>'} | tojson }} {{ [1] | tojson(indent=1) }}", '{"a": "<ж>"} [\n 1\n]'),
        ("{{ strftime_now('%d %b %Y') }}", "05 Jan 2025"),
        ("{% for m in [1, 2, 3] %}{% if m == 2 %}{% break %}{% endif %}{{ m }}{% endfor %}", "1"),
        ("{% generation %}{{ messages[0].role }}{% endgeneration %}", "user"),
        ("{{ 3 * 4 }} {{ 2 ** 10 }} {{ '-' * 5 }} {{ '%s!' % 'a' }} {{ 1000000007 * 998244353 }}",
         "12 1024 ----- a! 998244359987710471"),
    ],
)
def test_templates_see_what_hugging_face_gives_them(sandbox: Sandbox, template: str, text: str) -> None:
    assert sandbox.render(template, [CHAT]) == [text]


def test_refusals_say_what_went_wrong(sandbox: Sandbox) -> None:
    syntax = refused(sandbox, "a\n{% if x %}\n{{ y }")
    assert syntax.kind == "syntax"
    assert "line 3" in str(syntax.why)
    raised = refused(sandbox, "{{ raise_exception('Roles must\x1b[2J alternate') }}")
    assert raised.kind == "raised"
    assert "Roles must alternate" in str(raised.why)
    failed = refused(sandbox, "a\n{{ messages[9].content.x() }}")
    assert "line 2" in str(failed.why)
    assert refused(sandbox, "{{ ''.__class__.__mro__ }}").kind == "security"
    assert refused(sandbox, "{% set a = messages.append(1) %}").kind == "security"


def test_conversations_fare_on_their_own(sandbox: Sandbox) -> None:
    template = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}{{ messages[0].content }}"
    chats = [{"messages": [{"role": role, "content": role}]} for role in ("user", "system", "assistant")]
    answers = sandbox.render(template, chats)
    assert [a if isinstance(a, str) else a.kind for a in answers] == ["user", "raised", "assistant"]


def test_after_an_overrun_the_rest_is_refused_at_once() -> None:
    sandbox = Sandbox(per_render=0.2)
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    started = time.monotonic()
    answers = sandbox.render(endless, [CHAT] * 5)
    assert time.monotonic() - started < 2.5
    assert [a.kind for a in answers if isinstance(a, Refusal)] == ["time"] * 5
    render = sandbox.renderer(endless, budget=1.0)
    assert render(CHAT) is None
    started = time.monotonic()
    assert render(CHAT) is None
    assert time.monotonic() - started < 0.1
    assert render.refusal is not None
    assert sandbox.render("ok", [CHAT]) == ["ok"]
    sandbox.close()


def test_hostile_templates_are_survived(sandbox: Sandbox, hostile: Path) -> None:
    files = sorted((hostile / "jinja").glob("*.jinja"))
    assert len(files) > 20
    for file in files:
        started = time.monotonic()
        (answer,) = sandbox.render(file.read_text("utf-8"), [CHAT])
        assert time.monotonic() - started < 2, file.name
        if file.name.startswith("loop"):
            assert isinstance(answer, Refusal), file.name
        if isinstance(answer, Refusal):
            assert str(answer.why).isprintable()
        else:
            assert len(answer) < 200
        status = Path(f"/proc/{sandbox.pid}/status")
        if status.exists():
            peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
            assert int(peak.split()[1]) < MEMORY_KB, file.name
    assert not list(Path("/").glob("PWNED*"))
    chat = json.loads((hostile / "jinja" / "content_is_code.json").read_text("utf-8"))
    assert sandbox.render("{{ messages[0].content }}", [chat]) == ["{{ 7*7 }} {% raw %}"]


def test_no_format_is_derived_from_hostile_templates(sandbox: Sandbox, hostile: Path) -> None:
    for file in sorted((hostile / "jinja").glob("*.jinja")):
        source = file.read_text("utf-8")
        started = time.monotonic()
        derived = derive_template(sandbox.renderer(source), jinja=source)
        assert time.monotonic() - started < 2, file.name
        assert derived.template is None
        assert not derived.exact


def test_a_long_chat_is_given_longer() -> None:
    box = Sandbox(per_render=0.02)
    slow = "{% for m in messages %}{% for i in range(400) %}{% set x = i %}{% endfor %}{{ m.content }}{% endfor %}"
    long = {"messages": [{"role": "user", "content": "x"}] * 2_000}
    try:
        assert box.render(slow, [long]) == ["x" * 2_000]
    finally:
        box.close()
