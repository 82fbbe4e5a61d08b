"""Text of people, cards and models that must not open or close a turn.

Where a prompt travels as one string, the server reads special tokens wherever it finds them. An invisible
WORD JOINER inside such a string makes it ordinary text: a reader sees no difference, the tokenizer does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

JOINER = "\u2060"

#: Turn and document markers of the common families; `<|…|>` and `<｜…｜>` are met by a pattern of their own.
MARKERS: tuple[str, ...] = (
    "<s>", "</s>", "<bos>", "<eos>", "<pad>", "<sop>", "<eop>", "[gMASK]", "[sMASK]",
    "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
    "[TOOL_CALLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "<<SYS>>", "<</SYS>>",
    "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>", "<|turn>", "<turn|>",
    "<|channel>", "<channel|>", "<extra_id_0>", "<extra_id_1>", "<SPECIAL_10>", "<SPECIAL_11>", "<SPECIAL_12>",
    "<reserved_106>", "<reserved_107>", "<_user>", "<_bot>", "<_end>",
    "<BOS_TOKEN>", "<EOS_TOKEN>", "<PAD_TOKEN>", "<seed:bos>", "<seed:eos>", "<seed:pad>", "<unk>", "[SEP]",
    "<SYS>", "</SYS>", "<用户>", "<AI>",
)

_GENERIC = r"<(?=[|｜][^<>\n]{1,60}[|｜]>)"


def defuse(text: str, special: Iterable[str] = ()) -> str:
    """`text` with a WORD JOINER behind the first character of every marker: those known, any `<|…|>`, and
    `special` (strings that this very tokenizer reads as control tokens)."""
    found, first = _pattern(frozenset(special))
    if not any(sign in text for sign in first):    # most texts; looking for single signs is fifty times faster
        return text
    return found.sub(lambda m: m[0] + JOINER, text)


def plausible(token: str) -> bool:
    """Whether `token`, named by a server as special, looks like a marker and not like ordinary writing."""
    return 3 <= len(token) <= 80 and any(c in "<>[]{}|｜" for c in token)


@lru_cache(maxsize=32)
def _pattern(special: frozenset[str]) -> tuple[re.Pattern[str], str]:
    """What finds the markers, and the signs that they begin with."""
    named = sorted({*MARKERS, *(s for s in special if plausible(s))}, key=lambda s: (-len(s), s))
    ahead = "|".join(f"{re.escape(m[0])}(?={re.escape(m[1:])})" for m in named)
    return re.compile(f"{_GENERIC}|{ahead}"), "".join(sorted({"<", *(m[0] for m in named)}))
