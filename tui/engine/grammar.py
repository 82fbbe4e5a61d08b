"""Replies that obey a grammar (GBNF) or a JSON Schema: what the rules forbid is taken out before anything else chooses.

The grammar begins with the reply's new part: a reply that goes on from a started one obeys it from there. Grammars are
strangers' texts; what llama.cpp does not take, or would take too long over, is refused in words.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tui.domain.errors import EngineError
from tui.domain.notice import notice
from tui.domain.samplers import Samplers
from tui.engine.bindings_memory import Context
from tui.engine.bindings_samplers import Candidates, FullChain, grammar_of_schema

#: Characters of a grammar, of a schema, and repetitions that one item may ask for (llama.cpp writes each out).
MOST_CHARACTERS, MOST_SCHEMA, MOST_REPETITIONS = 60_000, 20_000, 500
#: All repetitions of a grammar multiplied: nested ones are written out inside each other.
_MOST_UNFOLDED = 20_000
_DEEPEST = 100
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]|#[^\n]*')
_REPETITION = re.compile(r"\{\s*(\d*)\s*,?\s*(\d*)\s*\}")


class DeadEnd(Exception):
    """The rules allow nothing that is not forbidden otherwise."""


def rules_of(samplers: Samplers) -> str:
    """The grammar that the settings ask for, "" for none. Raises EngineError that names the field."""
    if samplers.grammar.strip() and samplers.json_schema.strip():
        raise _refused("grammar", notice("A reply can obey a grammar or a JSON Schema, not both."))
    if samplers.grammar.strip():
        _check(samplers.grammar)
        return samplers.grammar
    return _of_schema(samplers.json_schema) if samplers.json_schema.strip() else ""


def _check(text: str) -> None:
    """Refuse what would keep llama.cpp busy for long, or longer than it says."""
    if len(text) > MOST_CHARACTERS:
        raise _refused("grammar", notice("The grammar is longer than {limit} characters.", limit=MOST_CHARACTERS))
    if "\0" in text:
        raise _refused("grammar", notice("The grammar holds a character that no text has."))
    bare = _STRING.sub('""', text)
    unfolded = depth = 1
    for found in re.finditer(r"[()]", bare):
        depth += 1 if found[0] == "(" else -1
        if depth > _DEEPEST:
            raise _refused("grammar", notice("The grammar nests brackets deeper than {limit}.", limit=_DEEPEST))
    for least, most in _REPETITION.findall(bare):
        times = max(int(number[:9] or 0) for number in (least, most))
        unfolded *= max(1, min(times, MOST_REPETITIONS + 1)) if "(" in bare else 1
        if times > MOST_REPETITIONS or unfolded > _MOST_UNFOLDED:
            raise _refused(
                "grammar", notice("The grammar repeats something more than {limit} times.", limit=MOST_REPETITIONS))


def _of_schema(text: str) -> str:
    if len(text) > MOST_SCHEMA:
        raise _refused("json_schema", notice("The JSON Schema is longer than {limit} characters.", limit=MOST_SCHEMA))
    try:
        if not isinstance(json.loads(text), (dict, bool)):
            raise ValueError("it is no object")
        grammar = grammar_of_schema(text)
    except RecursionError:
        raise _refused("json_schema", notice("The JSON Schema is nested too deeply.")) from None
    except Exception as error:                        # the library raises what it likes for what it does not take
        raise _refused(
            "json_schema", notice("The JSON Schema cannot be used: {reason}", reason=str(error)[:200])) from None
    _check(grammar)
    return grammar


def _refused(field: str, what: Any) -> EngineError:
    return EngineError(
        what, notice("Correct {field} in the sampler values, or take it out with /set {field} preset.", field=field),
        kind="grammar", field=field,
    )


class RuledChain:
    """Two chains: `rules` forbids, `rest` chooses from what is left. llama.cpp ends the process when a grammar has to
    accept what it forbids, so that nothing is chosen where nothing is left."""

    def __init__(self, rules: FullChain, rest: FullChain, context: Context) -> None:
        self._rules, self._rest = rules, rest
        self._candidates = Candidates(context)

    @staticmethod
    def add(chain: FullChain, grammar: str, field: str) -> None:
        """Let `chain` obey. Raises EngineError where llama.cpp does not understand it."""
        if not chain.add_grammar(grammar):
            raise _refused(field, notice(
                "llama.cpp does not take the grammar: it needs a rule called root, and no rule that begins with itself."
            ))

    def sample(self) -> int:
        """The next token, accepted by both. Raises DeadEnd."""
        array = self._candidates.fresh()
        self._rules.apply(array)
        if not self._candidates.any_left(array):
            raise DeadEnd
        self._rest.apply(array)
        token = self._candidates.chosen(array)
        self.accept(token)
        return token

    def accept(self, token: int) -> None:
        self._rules.accept(token)
        self._rest.accept(token)

    def free(self) -> None:
        self._rules.free()
        self._rest.free()
