"""Faults of streams, played by every kind of server that is known. Each test's name begins with the row of the table
of quirks (backends specification, section 3) that it is for; the other rows are in test_faults_manners.py."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from dialects import WINDOW, Voice
from scripted import STALL, ScriptedServer, play
from told import request, tell

from tui.backends.patience import Limits, Patience
from tui.backends.remote import RemoteBackend
from tui.backends.roles import GO_ON
from tui.domain.backend import ChatMessage, Piece, Text

TEXT_AND_TAIL = "Привет, 🙂 мир — 世界"


def only_once(server: ScriptedServer, voice: Voice) -> bool:
    return len(server.asked(voice.path)) == 1


async def test_row_01_characters_cut_anywhere(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    stream = voice.words(TEXT_AND_TAIL) + voice.words("\ufffd") + voice.end("length")
    scripted_server.on(voice.route, play(voice.head, *(stream[at:at + 1] for at in range(len(stream)))))
    told = await tell(backend)
    assert (told.text, told.finish.reason, told.finish.error) == (TEXT_AND_TAIL, "length", None)


async def test_row_01_an_empty_frame_for_half_a_character(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    frames = (voice.words(""), voice.words(""), voice.words("🙂"), voice.words(""))
    scripted_server.on(voice.route, play(voice.head, *frames, voice.end()))
    assert (await tell(backend)).text == "🙂"


COMMENTS = (b": OPENROUTER PROCESSING\n\n", b":\n\n", b": ping - 12:00\r\n\r\n", b": keep-alive\n")


async def test_row_02_comments_are_no_words_and_told_of_once(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    comments = b"".join(COMMENTS)
    scripted_server.on(voice.route, play(voice.head, comments * 3, voice.words("Once"), comments, voice.words("."),
                                         voice.end()))
    told = await tell(backend)
    assert (told.text, told.finish.reason) == ("Once.", "stop")
    assert told.statuses == [f"{backend.address.shown} has the request and is at work on it."]


def test_row_02_comments_keep_a_line_alive_for_as_long_as_is_allowed() -> None:
    """Longer than silence may last, but not for ever: on a clock that the line drives itself."""
    now = 0.0
    patience = Patience(Limits(idle=300, first=7200, barren=1800), 50, lambda: now)
    patience.spoke()
    for now in range(0, 1700, 100):
        patience.lived()
        assert patience.deadline(begun=True) > now
    assert patience.deadline(begun=True) == 1800
    assert patience.waited() == 1600


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
async def test_row_03_line_ends_and_none_at_the_end(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend, newline: bytes
) -> None:
    stream = voice.words("Once") + voice.words(" upon") + voice.end()
    stream = stream.replace(b"\r\n", b"\n").replace(b"\n", newline).rstrip()
    scripted_server.on(voice.route, play(voice.head, stream))
    told = await tell(backend)
    assert (told.text, told.finish.reason) == ("Once upon", "stop")


async def test_row_04_an_error_in_a_successful_stream(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    scripted_server.on(voice.route, play(voice.head, voice.words("Once"), voice.failure("CUDA \x1b[31mout of memory")))
    told = await tell(backend)
    assert (told.text, told.finish.reason, told.kind) == ("Once", "error", "in_stream")
    assert f"{backend.address.shown} failed while writing. It says: “CUDA out of memory”." in told.error
    assert only_once(scripted_server, voice)


async def test_row_04_an_error_as_the_first_frame(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    scripted_server.on(voice.route, play(voice.head, voice.failure("no model loaded")))
    told = await tell(backend)
    assert (told.text, told.finish.reason) == ("", "error")
    assert "no model loaded" in told.error


async def test_row_05_an_empty_success(voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    scripted_server.on(voice.route, play(voice.head))
    told = await tell(backend)
    assert (told.finish.reason, told.kind) == ("error", "empty")
    assert f"{backend.address.shown} reports success but sent no text." in told.error
    assert (f"the context {WINDOW}" in told.error) == voice.window
    assert only_once(scripted_server, voice)


async def test_row_05_an_end_without_a_word(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    """An empty success is how text-generation-webui reports any failure; at others the model had nothing to say."""
    scripted_server.on(voice.route, play(voice.head, voice.words(""), voice.end(completion=0)))
    told = await tell(backend)
    assert (told.finish.reason, told.kind) == ("error", "empty")
    assert ("sent no text" in told.error) == (voice.name == "textgen")
    assert ("ended its turn without a word" in told.error) == (voice.name != "textgen")


async def test_row_05_nothing_but_thoughts(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    thought = voice.thinks("Hm, hm.") or voice.words("<think>Hm, hm.")
    scripted_server.on(voice.route, play(voice.head, thought, voice.end("length")))
    told = await tell(backend)
    assert (told.text, told.thoughts, told.kind) == ("", "Hm, hm.", "reasoning_only")
    assert "Raise the length of the reply, or ask for less reasoning." in told.error


async def test_row_06_an_end_without_a_mark_is_a_cut_that_can_be_continued(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    scripted_server.on(voice.route, play(voice.head, voice.words("Once"), voice.words(" upon")))
    told = await tell(backend)
    assert (told.text, told.finish.reason, told.kind) == ("Once upon", "cut", "broken")
    assert only_once(scripted_server, voice)
    scripted_server.on(voice.going_on, voice.reply(" a time."))
    begun = {"prefill": told.text, "pieces": (Piece("Tell."), Piece(told.text)),
             "messages": (ChatMessage("user", "Tell."), ChatMessage("assistant", told.text))}
    rest = await tell(backend, id="r2", **begun)
    assert (rest.text, rest.finish.reason) == (" a time.", "stop")
    sent = scripted_server.asked(voice.going_on.partition(" ")[2])[-1].json
    said = [m["content"] for m in sent.get("messages", ()) if m["role"] == "assistant"]
    assert str(sent.get("prompt") or said[-1]).endswith("Once upon")
    if not (await backend.capabilities()).prefill:
        assert sent["messages"][-1] == {"role": "user", "content": GO_ON}
        assert "was asked to in words" in str(rest.finish.notices[-1])


async def test_row_06_a_connection_that_breaks(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    async def broken(asked: Any, line: Any) -> None:
        await play(voice.head, voice.words("Once"), 0.02)(asked, line)
        line.reset()

    scripted_server.on(voice.route, broken)
    told = await tell(backend)
    assert (told.text, told.finish.reason, told.kind) == ("Once", "cut", "broken")
    assert "broke before the answer was complete" in told.error


async def test_row_06_silence_in_the_middle(
    voice: Voice, scripted_server: ScriptedServer, impatient: RemoteBackend
) -> None:
    scripted_server.on(voice.route, play(voice.head, voice.words("Once"), STALL))
    told = await tell(impatient)
    assert (told.text, told.finish.reason, told.kind) == ("Once", "cut", "idle")
    await asyncio.wait_for(scripted_server.hung_up.wait(), 5)


async def test_row_07_every_request_streams_and_who_leaves_hangs_up(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    scripted_server.on(voice.route, play(voice.head, voice.words("Once"), STALL))
    stream = backend.complete(request())
    assert isinstance(await anext(stream), Text)
    await backend.abort("r1")
    await asyncio.wait_for(scripted_server.hung_up.wait(), 5)
    rest = [said async for said in stream]
    sent = scripted_server.asked(voice.path)[0]
    assert [getattr(said, "reason", "") for said in rest] == ["cut"]
    assert sent.json.get("stream") is True or voice.path.endswith("/stream")
    assert sent.headers["accept"] == "text/event-stream"
    asked = scripted_server.asked("/api/extra/abort")
    assert [a.json["genkey"] for a in asked] == ([sent.json["genkey"]] if voice.name == "koboldcpp" else [])


STOPS = tuple(f"\n{name}:" for name in "ABCDEFGHIJ")


async def test_row_08_more_stop_strings_than_a_server_takes(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    """The first go out, as many as it takes; all are watched here, and the server is left at the first."""
    most = {"vllm": 4, "openrouter": 4, "openai": 4}
    scripted_server.on(voice.route, play(voice.head, voice.words("Yes.\n"), voice.words("J: and"), STALL))
    told = await tell(backend, stop=STOPS)
    assert (told.text, told.finish.reason, told.finish.stop_string) == ("Yes.", "stop", "\nJ:")
    await asyncio.wait_for(scripted_server.hung_up.wait(), 5)
    sent = scripted_server.asked(voice.path)[0].json
    sent = sent.get("options", sent)
    stops = sent.get("stop") or sent["stop_sequence"]
    assert tuple(stops) == STOPS[:len(stops)]
    assert len(stops) == most.get(voice.name, len(stops))


async def test_row_08_a_stop_string_that_the_server_includes(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    scripted_server.on(voice.route, play(voice.head, voice.words("Yes.\nA:"), voice.end()))
    told = await tell(backend, stop=STOPS)
    assert (told.text, told.finish.reason, told.finish.error) == ("Yes.", "stop", None)


async def test_row_09_what_might_become_a_stop_string_is_text_in_the_end(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    scripted_server.on(voice.route, play(voice.head, voice.words("Yes.\nYou"), voice.end()))
    assert (await tell(backend, stop=("\nYou and nobody else:",))).text == "Yes.\nYou"


async def test_row_25_thoughts_wherever_a_server_puts_them(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    frame = voice.thinks("Let me think.")
    tagged = [voice.words(letter) for letter in "\n<think>Let me think.</think>\n\n"]
    frames = [frame] if frame else tagged
    scripted_server.on(voice.route, play(voice.head, *frames, voice.words("Yes."), voice.end()))
    told = await tell(backend)
    assert (told.thoughts, told.text, told.finish.reason) == ("Let me think.", "Yes.", "stop")


async def test_row_28_figures_of_every_shape(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    end = voice.end(prompt=11, completion=5)
    scripted_server.on(voice.route, play(voice.head, voice.words("Yes"), voice.words("."), end))
    told = await tell(backend)
    counted = (2 + 2, 1) if voice.name == "llama_cpp_python" else (11, 5)        # that one tells nothing, but counts
    if voice.name == "llama_cpp_python":
        assert told.finish.usage.completion_tokens == counted[1]
    else:
        assert (told.finish.usage.prompt_tokens, told.finish.usage.completion_tokens) == counted


USAGES: tuple[Any, ...] = (None, "many", [], {"prompt_tokens": -5, "cache_n": 1e999}, {"prompt_tokens": True})


async def test_row_28_figures_that_are_none(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    for usage in USAGES:
        told_badly = {"usage": usage, "timings": usage, "prompt_progress": usage}
        frame = voice.event({"choices": [], "content": "", "token": "", "finish_reason": "null", **told_badly})
        scripted_server.on(voice.route, play(voice.head, frame, voice.words("Yes."), frame, voice.end(), frame))
        told = await tell(backend)
        assert (told.text, told.finish.reason) == ("Yes.", "stop")


async def test_row_29_the_word_null_is_no_end(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    def frame(text: str) -> bytes:
        choice = {"index": 0, "text": text, "delta": {"role": "assistant", "content": text}, "finish_reason": "null"}
        return voice.event({"choices": [choice], "content": text, "token": text, "response": text, "done": "null",
                            "finish_reason": "null", "stop": "null"})

    scripted_server.on(voice.route, play(voice.head, frame("On"), frame("ce"), voice.end()))
    told = await tell(backend)
    assert (told.text, told.finish.reason) == ("Once", "stop")
