"""Figures of a finished reply that its stream did not tell but the server can be asked for."""

from __future__ import annotations

from dataclasses import replace

from tui.backends.calls import Target
from tui.backends.frames import whole
from tui.backends.http import Http
from tui.backends.reply import Reply
from tui.backends.tokens import TokenCounter
from tui.domain.backend import Finish, Usage
from tui.domain.errors import BackendError


async def complete_figures(
    http: Http, target: Target, counter: TokenCounter, reply: Reply, finish: Finish, prompt: str,
) -> Finish:
    """`finish` with what can be learnt of a regular end. To be asked before the server takes another request."""
    if not reply.server_ended or finish.error is not None:
        return finish
    if target.dialect.name == "koboldcpp":
        return await _last_of_koboldcpp(http, finish)
    if target.dialect.name == "llama_cpp_python":
        return await _counted(target, counter, reply, finish, prompt)
    return finish


async def _last_of_koboldcpp(http: Http, finish: Finish) -> Finish:
    """KoboldCpp tells the figures of its last reply on a route of their own; those in its chat stream are made up."""
    try:
        perf = await http.ask(f"{http.address.root}/api/extra/perf", seconds=1.0)
    except BackendError:
        return finish
    usage = Usage(whole(perf.field("last_input_count")), None, whole(perf.field("last_token_count")))
    return replace(finish, usage=usage, seed=whole(perf.field("last_seed")))


async def _counted(target: Target, counter: TokenCounter, reply: Reply, finish: Finish, prompt: str) -> Finish:
    """llama-cpp-python's server tells nothing, but counts. A chat's prompt has a template that is unknown here."""
    prompt_tokens, completion = await counter.count([prompt, reply.text], busy=False)
    text = target.capabilities.text_completion
    usage = Usage(prompt_tokens + target.capabilities.adds_bos if text else None, None, completion)
    return replace(finish, usage=usage, tokens_per_second=reply.speed(completion))
