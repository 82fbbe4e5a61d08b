"""Which format a model wants: by hash, by marks, by name, or not known and said so."""

from __future__ import annotations

import hashlib

from tui.domain.prompt.detect import choose_template
from tui.domain.template import Detection, Template

JINJA = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
MARKS = Detection(all=("<|im_start|>",), none=("<|im_sep|>",), name=("chatml", "qwen2"))
CHATML = Template("chatml", "ChatML", detect=MARKS)
PINNED = Template("pinned", "Pinned", detect=Detection(sha256=(hashlib.sha256(JINJA.encode()).hexdigest(),)))
LLAMA = Template("llama-3", detect=Detection(all=("<|start_header_id|>",), name=("llama-3",)))
LLAMA31 = Template("llama-3.1", detect=Detection(all=("<|start_header_id|>", "Cutting Knowledge"), name=("llama-3.1",)))
ALL = (CHATML, PINNED, LLAMA, LLAMA31)


def found(jinja: str = "", name: str = "") -> tuple[str | None, str]:
    choice = choose_template(ALL, jinja=jinja, name=name)
    assert str(choice.why)
    return choice.template.id if choice.template else None, choice.found_by


def test_by_hash_whatever_stands_around_it() -> None:
    assert found(JINJA) == ("pinned", "sha256")
    assert found(JINJA + "\0") == ("pinned", "sha256")
    assert found("\n " + JINJA + "\n\0") == ("pinned", "sha256")


def test_by_marks_and_the_richer_rule_wins() -> None:
    assert found(JINJA + "{# x #}") == ("chatml", "rules")
    assert found("<|start_header_id|> Cutting Knowledge Date") == ("llama-3.1", "rules")
    assert found("<|start_header_id|>") == ("llama-3", "rules")


def test_a_template_that_nobody_knows_is_not_guessed_at() -> None:
    assert found("<|im_start|> <|im_sep|>", name="chatml") == (None, "")
    assert found("<|im_start|><|start_header_id|>") == (None, "")


def test_by_name_without_a_template() -> None:
    assert found(name="Qwen2.5-7B-Instruct-Q4_K_M.gguf") == ("chatml", "name")
    assert found(name="Meta-Llama-3.1-8B") == ("llama-3.1", "name")
    assert found(name="Meta-Llama-3-8B") == ("llama-3", "name")
    assert found(name="myllama-30b") == (None, "")
    assert found(name="model") == (None, "")
    assert found() == (None, "")
