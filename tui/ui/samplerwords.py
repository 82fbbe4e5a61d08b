"""What each sampler does, in a sentence, and the groups in which they are shown. Names themselves are not translated:
they are those of presets, of `/set`, and of the programs that people know them from."""

from __future__ import annotations

from collections.abc import Mapping

from tui.i18n import mark, tr

#: Groups in the order in which they are shown; the first is always open.
GROUPS: Mapping[str, tuple[str, ...]] = {
    mark("What matters most"): (
        "temperature", "min_p", "top_p", "top_k", "repetition_penalty", "penalty_range", "dry_multiplier",
        "xtc_probability", "xtc_threshold", "max_tokens",
    ),
    mark("Cutting off the unlikely"): (
        "typical_p", "top_a", "tfs", "top_n_sigma", "epsilon_cutoff", "eta_cutoff",
    ),
    mark("Other shapes of chance"): (
        "dynatemp_range", "dynatemp_exponent", "smoothing_factor", "smoothing_curve", "skew", "mirostat",
        "mirostat_tau", "mirostat_eta", "adaptive_target", "adaptive_decay",
    ),
    mark("Against repetition"): (
        "frequency_penalty", "presence_penalty", "penalty_slope", "encoder_repetition_penalty", "no_repeat_ngram",
        "dry_base", "dry_allowed_length", "dry_range", "dry_sequence_breakers",
    ),
    mark("What may and may not be said"): (
        "banned_strings", "banned_tokens", "logit_bias", "stop", "min_tokens", "ignore_eos", "grammar", "json_schema",
        "guidance_scale", "negative_prompt",
    ),
    mark("Order, search, chance"): (
        "order", "beams", "contrastive_alpha", "seed", "logprobs",
    ),
}

_SENTENCES: Mapping[str, str] = {
    "temperature": mark("How daring the choice is: 0 always takes the likeliest token."),
    "min_p": mark("Drops tokens less likely than this share of the likeliest one."),
    "top_p": mark("Keeps the smallest set of tokens whose chances add up to this."),
    "top_k": mark("Keeps only so many of the likeliest tokens."),
    "repetition_penalty": mark("Makes what was said less likely to be said again."),
    "penalty_range": mark("How many tokens back the penalties look; -1 is the whole context."),
    "dry_multiplier": mark("DRY: how hard repeated phrases are pushed away."),
    "xtc_probability": mark("XTC: how often all but the last of the likely tokens are left out."),
    "xtc_threshold": mark("XTC: from which chance on a token counts as likely."),
    "max_tokens": mark("The longest reply, in tokens."),
    "typical_p": mark("Keeps tokens that are about as surprising as is usual."),
    "top_a": mark("Drops tokens below this times the square of the likeliest one's chance."),
    "tfs": mark("Cuts the tail where the chances stop falling steeply."),
    "top_n_sigma": mark("Keeps tokens within so many standard deviations of the best score."),
    "epsilon_cutoff": mark("Drops tokens with a chance below this."),
    "eta_cutoff": mark("As epsilon_cutoff, milder where the model is unsure."),
    "dynatemp_range": mark("The temperature may go so far up and down with how unsure the model is."),
    "dynatemp_exponent": mark("How quickly the moving temperature follows."),
    "smoothing_factor": mark("Bends the chances: the likely ones come nearer to each other, the unlikely vanish."),
    "smoothing_curve": mark("How sharply smoothing_factor bends."),
    "skew": mark("Leans the final draw: above 0 to less likely tokens, below 0 to likelier ones."),
    "mirostat": mark("Keeps the surprise steady by itself; takes the place of all other cuts."),
    "mirostat_tau": mark("The surprise that mirostat aims at."),
    "mirostat_eta": mark("How quickly mirostat corrects itself."),
    "adaptive_target": mark("Prefers tokens near this chance, on the average; below 0 it is off."),
    "adaptive_decay": mark("How long adaptive_target remembers what was chosen."),
    "frequency_penalty": mark("Against a token, the more often it has come."),
    "presence_penalty": mark("Against every token that has come at all."),
    "penalty_slope": mark("Makes the penalties weaker for what lies further back."),
    "encoder_repetition_penalty": mark("Above 1 favours words of the prompt, below 1 avoids them."),
    "no_repeat_ngram": mark("Forbids so many tokens in a row to come twice."),
    "dry_base": mark("DRY: how quickly the push grows with the repeated length."),
    "dry_allowed_length": mark("DRY: repeated phrases up to this many tokens are let through."),
    "dry_range": mark("DRY: how many tokens back it looks; -1 is the whole context."),
    "dry_sequence_breakers": mark("DRY: texts at which a phrase ends, so that names and signs may repeat."),
    "banned_strings": mark("Phrases that must not come; the reply steps back and says it otherwise."),
    "banned_tokens": mark("Tokens that must not come: texts, or #number."),
    "logit_bias": mark("Makes texts more or less likely, one a line: text: number; -100 forbids."),
    "stop": mark("Texts that end the reply."),
    "min_tokens": mark("So many tokens come before the reply may end."),
    "ignore_eos": mark("The reply ends by its length alone."),
    "grammar": mark("A GBNF grammar that the reply must follow."),
    "json_schema": mark("A JSON Schema that the reply must follow."),
    "guidance_scale": mark("How far the reply leans away from negative_prompt; 1 is not at all. Twice the work."),
    "negative_prompt": mark("What guidance_scale leads away from."),
    "order": mark("The order in which the steps act."),
    "beams": mark("Above 1: searches for the likeliest reply along so many paths; slow."),
    "contrastive_alpha": mark("Looks for tokens that are likely and yet unlike what was said."),
    "seed": mark("The same seed makes the same reply; -1 draws a new one each time."),
    "logprobs": mark("Keeps so many rivals of each token; t among the messages shows them."),
}


def explained(name: str) -> str:
    """What a sampler does, in the language in use."""
    return tr(_SENTENCES[name])
