"""From sampler settings to llama.cpp's chain: which links, in which order, and what each must have seen."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tui.domain.errors import EngineError
from tui.domain.notice import Notice
from tui.domain.samplers import SAMPLER_NAMES, Samplers
from tui.engine.bindings import Vocab
from tui.engine.bindings_memory import Context
from tui.engine.bindings_samplers import FullChain
from tui.engine.grammar import RuledChain, rules_of
from tui.engine.links import AT_ZERO, UNSUPPORTED, adapts, add_step, dropped, slopes
from tui.engine.tokenise import Tokeniser

#: The one seed that llama.cpp reads as "draw one yourself", so that the reply could not be made again.
_RANDOM_SEED = 2**32 - 1

#: Those that have an effect here.
SUPPORTED = frozenset(SAMPLER_NAMES) - UNSUPPORTED.keys()


class Chooser(Protocol):
    """Chooses tokens, one after another, from the last output."""

    def sample(self) -> int:
        """The next token, taken account of already. Raises DeadEnd where a grammar leaves none."""
        ...

    def accept(self, token: int) -> None:
        """Take account of a token that was not chosen here."""
        ...

    def free(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Sampling:
    """A chain ready for one reply. `seed` makes the same reply again; `clamped` holds what was not taken as given,
    `dropped` what was set and has no effect, with the reason."""

    chain: Chooser
    seed: int
    clamped: Mapping[str, float]
    dropped: Mapping[str, Notice]


def build(samplers: Samplers, context: Context, tokeniser: Tokeniser, prompt: Sequence[int]) -> Sampling:
    """The chain for `samplers`, having seen as much of `prompt` as its penalties look back on.

    Neutral links are left out. At temperature 0 the likeliest token is taken, after bias and penalties alone.
    Mirostat takes the place of all but biases, bans and grammar. Raises EngineError for a grammar that is none.
    """
    seed, clamped = _seed(samplers.seed)
    grammar = rules_of(samplers)
    chain = FullChain(context)
    rules = FullChain(context) if grammar else chain
    if biased := biases(samplers, tokeniser, context.model.vocab):
        rules.add_logit_bias(biased)
    _hold_the_end(rules, samplers, context.model.vocab)
    whole: Chooser = chain if rules is chain else _ruled(rules, chain, grammar, samplers, context)
    _fill(chain, samplers, context, prompt, seed)
    return Sampling(whole, seed, clamped, dropped(samplers))


def _ruled(rules: FullChain, rest: FullChain, grammar: str, s: Samplers, context: Context) -> RuledChain:
    try:
        RuledChain.add(rules, grammar, "grammar" if s.grammar.strip() else "json_schema")
    except EngineError:
        rules.free()
        rest.free()
        raise
    return RuledChain(rules, rest, context)


def _fill(chain: FullChain, samplers: Samplers, context: Context, prompt: Sequence[int], seed: int) -> None:
    """All links that choose."""
    greedy = samplers.temperature <= 0 and "temperature" in samplers.order
    if samplers.mirostat and not greedy:
        chain.add_mirostat(samplers.mirostat, seed, samplers.mirostat_tau, samplers.mirostat_eta)
        return
    for name in dict.fromkeys(samplers.order):
        if not greedy or name in AT_ZERO:
            _add(chain, name, samplers, context.size, seed)
            add_step(chain, name, samplers, context.size, prompt)
    if greedy:
        chain.add_greedy()
    elif adapts(samplers):
        chain.add_adaptive_p(samplers.adaptive_target, samplers.adaptive_decay, seed)
    else:
        chain.add_draw(seed)
    if reach := _looks_back(samplers, context.size):
        chain.show(prompt[-reach:])


def _hold_the_end(chain: FullChain, s: Samplers, vocab: Vocab) -> None:
    """Keep the reply from ending, for good or for its first tokens."""
    if not s.ignore_eos and s.min_tokens <= 0:
        return
    ends = [token for token in range(vocab.size) if vocab.ends_reply(token)]
    if ends and s.ignore_eos:
        chain.add_logit_bias([(token, float("-inf")) for token in ends])
    elif ends:
        from tui.engine.steps.candidates import NotYet

        chain.add_step(NotYet(ends, s.min_tokens))


def _add(chain: FullChain, name: str, s: Samplers, window: int, seed: int) -> None:
    """One link of llama.cpp's, unless its settings change nothing."""
    match name:
        case "penalties" if _penalises(s) and not slopes(s):
            chain.add_penalties(
                _range(s.penalty_range, window), s.repetition_penalty, s.frequency_penalty, s.presence_penalty,
            )
        case "dry" if _dries(s):
            chain.add_dry(
                s.dry_multiplier, s.dry_base, s.dry_allowed_length, _range(s.dry_range, window),
                s.dry_sequence_breakers,
            )
        case "top_n_sigma" if s.top_n_sigma > 0:
            chain.add_top_n_sigma(s.top_n_sigma)
        case "top_k" if s.top_k > 0:
            chain.add_top_k(s.top_k)
        case "typical_p" if s.typical_p < 1:
            chain.add_typical(s.typical_p)
        case "top_p" if s.top_p < 1:
            chain.add_top_p(s.top_p)
        case "min_p" if s.min_p > 0:
            chain.add_min_p(s.min_p)
        case "xtc" if s.xtc_probability > 0:
            chain.add_xtc(s.xtc_probability, s.xtc_threshold, seed)
        case "temperature" if s.dynatemp_range > 0:
            chain.add_dynamic_temperature(s.temperature, s.dynatemp_range, s.dynatemp_exponent)
        case "temperature" if s.temperature != 1:
            chain.add_temperature(s.temperature)
        case "infill":
            chain.add_infill()
        case _:
            pass


def _penalises(s: Samplers) -> bool:
    neutral = s.repetition_penalty == 1 and s.frequency_penalty == 0 and s.presence_penalty == 0
    return not neutral and s.penalty_range != 0


def _dries(s: Samplers) -> bool:
    return s.dry_multiplier > 0 and s.dry_range != 0


def biases(s: Samplers, tokeniser: Tokeniser, vocab: Vocab) -> list[tuple[int, float]]:
    """Tokens that are made likelier or less likely, or forbidden."""
    return list(_biases(_bias_texts(s), tokeniser, vocab.size))


def _bias_texts(s: Samplers) -> dict[str, float]:
    return {**s.logit_bias, **dict.fromkeys(s.banned_tokens, -1000.0)}


def _range(tokens: int, window: int) -> int:
    return window if tokens < 0 else min(tokens, window)


def _looks_back(s: Samplers, window: int) -> int:
    """How many prompt tokens the chain must have seen."""
    penalties = _range(s.penalty_range, window) if "penalties" in s.order and _penalises(s) and not slopes(s) else 0
    dry = _range(s.dry_range, window) if "dry" in s.order and _dries(s) else 0
    return max(penalties, dry)


def _seed(wanted: int) -> tuple[int, dict[str, float]]:
    if wanted < 0:
        return int.from_bytes(os.urandom(4)) % _RANDOM_SEED, {}
    if wanted >= _RANDOM_SEED:
        return _RANDOM_SEED - 1, {"seed": float(_RANDOM_SEED - 1)}
    return wanted, {}


def _biases(bias: Mapping[str, float], tokeniser: Tokeniser, size: int) -> Iterator[tuple[int, float]]:
    """Tokens with their biases: `#id`, a control token by its name, or every token of a text. -100 forbids."""
    for text, value in bias.items():
        number = text[1:]
        if text.startswith("#") and number.isascii() and number.isdigit():
            tokens = [int(number)] if len(number) < 9 else []
        elif (control := tokeniser.control_token(text)) is not None:
            tokens = [control]
        else:
            tokens = tokeniser.plain(text)
        for token in tokens:
            if 0 <= token < size:
                yield token, value if value > -100 else float("-inf")
