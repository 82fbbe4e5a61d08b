"""Small chat templates of our own that write what those of well-known families write."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    jinja: str
    bos: str = ""
    eos: str = "</s>"


def _plain(opening: str, end: str = "", names: str = "", text: str = "m.content", bos: str = "{{ bos_token }}") -> str:
    """One form for all roles: `opening` and `end` around each text, `ROLE` standing for its name."""
    who = f"({names})[m.role]" if names else "m.role"
    before, after = opening.split("ROLE")
    turn = f"{{{{ {before!r} ~ {who} ~ {after!r} ~ {text} ~ {end!r} }}}}"
    last = f"{{{{ {before!r} ~ {who.replace('m.role', chr(39) + 'assistant' + chr(39))} ~ {after!r} }}}}"
    return (
        f"{bos}{{% for m in messages %}}{turn}{{% endfor %}}"
        f"{{% if add_generation_prompt %}}{last}{{% endif %}}"
    )


_HEADER = "<|start_header_id|>ROLE<|end_header_id|>\n\n"
_COHERE = "{'system': 'SYSTEM', 'user': 'USER', 'assistant': 'CHATBOT'}"
_ALTERNATE = (
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('user and assistant must alternate') }}"
    "{% endif %}"
)
_SPLIT = (
    "{% if messages[0].role == 'system' %}{% set system = messages[0].content %}{% set rest = messages[1:] %}"
    "{% else %}{% set system = '' %}{% set rest = messages %}{% endif %}"
)

FAMILIES: dict[str, Family] = {
    "chatml-bos": Family(
        _plain("<|im_start|>ROLE\n", "<|im_end|>\n"), "<|begin_of_text|>", "<|im_end|>",
    ),
    "llama-3-instruct": Family(
        _plain(_HEADER, "<|eot_id|>", text="m.content | trim"), "<|begin_of_text|>", "<|eot_id|>",
    ),
    "llama-3.3-instruct": Family(
        "{{ bos_token }}" + _SPLIT + "{{ '<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: "
        "December 2023\nToday Date: 26 Jul 2024\n\n' ~ system | trim ~ '<|eot_id|>' }}"
        + _plain(_HEADER, "<|eot_id|>", text="m.content | trim", bos="").replace("in messages", "in rest"),
        "<|begin_of_text|>", "<|eot_id|>",
    ),
    "command-r-plus": Family(
        _plain(
            "<|START_OF_TURN_TOKEN|><|ROLE_TOKEN|>", "<|END_OF_TURN_TOKEN|>", names=_COHERE,
            text="(m.content if m.role == 'system' else m.content.strip())",
        ).replace("{% for m in messages %}", "{% for m in messages %}{% if loop.first and m.role == 'assistant' %}"
                  "{{ raise_exception('a user begins') }}{% endif %}"),
        "<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>",
    ),
    "openchat-3.5-0106": Family(
        "{{ bos_token }}{% for m in messages %}{{ 'GPT4 Correct ' ~ m.role.title() ~ ': ' ~ m.content ~ "
        "'<|end_of_turn|>' }}{% endfor %}{% if add_generation_prompt %}{{ 'GPT4 Correct Assistant:' }}{% endif %}",
        "<s>", "<|end_of_turn|>",
    ),
    "phi-4": Family(_plain("<|im_start|>ROLE<|im_sep|>", "<|im_end|>", bos=""), "<|endoftext|>", "<|im_end|>"),
    "mistral-v7": Family(
        "{{ bos_token }}" + _SPLIT + "{% if system %}{{ '[SYSTEM_PROMPT] ' ~ system ~ '[/SYSTEM_PROMPT]' }}{% endif %}"
        "{% for m in rest %}" + _ALTERNATE + "{% if m.role == 'user' %}{{ '[INST] ' ~ m.content ~ '[/INST]' }}"
        "{% else %}{{ ' ' ~ m.content ~ eos_token }}{% endif %}{% endfor %}",
        "<s>", "</s>",
    ),
    "gemma-2": Family(
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        + _ALTERNATE + "{{ '<start_of_turn>' ~ ('model' if m.role == 'assistant' else m.role) ~ '\n' ~ m.content | trim"
        " ~ '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}",
        "<bos>", "<eos>",
    ),
    "deepseek-r1-first": Family(
        "{{ bos_token }}" + _SPLIT + "{{ system }}{% for m in rest %}{% if m.role == 'user' %}"
        "{{ '<｜User｜>' ~ m.content }}{% elif m.role == 'assistant' %}"
        "{{ '<｜Assistant｜>' ~ m.content.split('</think>')[-1] ~ eos_token }}{% endif %}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<｜Assistant｜>' }}{% endif %}",
        "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>",
    ),
    "glm-4.7-flash": Family(
        "[gMASK]<sop>{% for m in messages %}{% if m.role == 'assistant' %}"
        "{{ '<|assistant|></think>' ~ m.content.split('</think>')[-1].strip() }}"
        "{% else %}{{ '<|' ~ m.role ~ '|>' ~ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}"
        "{{ '<|assistant|>' ~ ('</think>' if enable_thinking is defined and not enable_thinking else '<think>') }}"
        "{% endif %}", "", "<|endoftext|>",
    ),
    "granite-3.3": Family(
        _SPLIT + "{% if not system %}{% set system = \"Knowledge Cutoff Date: April 2024. Today's Date: \" ~ "
        "strftime_now('%B %d, %Y') ~ '. You are Granite, developed by IBM. You are a helpful AI assistant.' %}"
        "{% endif %}{{ '<|start_of_role|>system<|end_of_role|>' ~ system ~ '<|end_of_text|>\n' }}"
        + _plain("<|start_of_role|>ROLE<|end_of_role|>", "<|end_of_text|>\n", bos="").replace(
            "in messages", "in rest"), "", "<|end_of_text|>",
    ),
    "qwen3": Family(
        "{% for m in messages %}{{ '<|im_start|>' ~ m.role ~ '\n' }}{% if m.role == 'assistant' %}{% if loop.last %}"
        "{{ '<think>\n\n</think>\n\n' }}{% endif %}{% if '</think>' in m.content %}"
        "{{ m.content.split('</think>')[-1].lstrip('\n') }}{% else %}{{ m.content }}{% endif %}"
        "{% else %}{{ m.content }}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}"
        "{{ '<|im_start|>assistant\n' }}{% if enable_thinking is defined and not enable_thinking %}"
        "{{ '<think>\n\n</think>\n\n' }}{% endif %}{% endif %}", "", "<|im_end|>",
    ),
    "alpaca-ooba": Family(
        _SPLIT + "{{ system or 'Below is an instruction that describes a task. Write a response that appropriately "
        "completes the request.' }}{{ '\n\n' }}{% for m in rest %}{{ '### ' ~ ('Instruction' if m.role == 'user' else "
        "'Response') ~ ':\n' ~ m.content ~ '\n\n' }}{% endfor %}{% if add_generation_prompt %}"
        "{{ '### Response:\n' }}{% endif %}",
    ),
    "vicuna-1.1-ooba": Family(
        "{% for m in messages %}{% if m.role == 'system' %}{{ m.content ~ '\n\n' }}{% elif m.role == 'user' %}"
        "{{ 'USER: ' ~ m.content ~ '\n' }}{% else %}{{ 'ASSISTANT: ' ~ m.content ~ '</s>\n' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}",
    ),
}

#: Families without a recorded rendering here, and what their format must come out as.
MISTRAL_V1 = Family(
    "{{ bos_token }}" + _SPLIT + "{% for m in rest %}" + _ALTERNATE + "{% if m.role == 'user' %}"
    "{{ ' [INST] ' ~ (system ~ '\n\n' if loop.first and system else '') ~ m.content ~ ' [/INST]' }}"
    "{% else %}{{ ' ' ~ m.content ~ eos_token }}{% endif %}{% endfor %}", "<s>", "</s>",
)
MISTRAL_V3 = Family(
    "{{ bos_token }}" + _SPLIT + "{% for m in rest %}" + _ALTERNATE + "{% if m.role == 'user' %}"
    "{{ '[INST] ' ~ (system ~ '\n\n' if loop.last and system else '') ~ m.content ~ '[/INST]' }}"
    "{% else %}{{ ' ' ~ m.content | trim ~ eos_token }}{% endif %}{% endfor %}", "<s>", "</s>",
)
LLAMA_2 = Family(
    _SPLIT + "{% for m in rest %}" + _ALTERNATE + "{% if loop.first and system %}{% set text = '<<SYS>>\n' ~ system ~ "
    "'\n<</SYS>>\n\n' ~ m.content %}{% else %}{% set text = m.content %}{% endif %}{% if m.role == 'user' %}"
    "{{ bos_token ~ '[INST] ' ~ text.strip() ~ ' [/INST]' }}{% else %}{{ ' ' ~ text.strip() ~ ' ' ~ eos_token }}"
    "{% endif %}{% endfor %}", "<s>", "</s>",
)
#: Two things that no format says: the number of a turn, and thoughts kept in another form.
COUNTING = Family(
    "{% for m in messages %}{{ '<' ~ loop.index ~ ' ' ~ m.role ~ '>' ~ m.content | trim ~ '</>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<' ~ (messages | length + 1) ~ ' assistant>' }}{% endif %}",
)
STRICT = Family(
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}" + _ALTERNATE
    + "{{ '<' ~ loop.index ~ m.role ~ '>' ~ m.content | trim ~ '</>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}",
)
