"""What runs for ever is cut off, and so is a helper process that is stopped or killed while it works."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

import pytest

from tui.sandbox import Refusal, Sandbox

ENDLESS = "/(a+)+b$/"
TEXT = "a" * 4000
#: Seconds: the deadline of one call, twice for a restart of the helper, and room for a busy machine.
LONGEST = 15.0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_helper_that_goes_while_it_searches_costs_only_the_search(number: signal.Signals) -> None:
    sandbox = Sandbox()
    try:
        assert sandbox.search([("/кот/i", "Кот спит")]) == [True]
        harmed = sandbox.pid
        assert harmed is not None
        strike = threading.Timer(0.05, lambda: _strike(harmed, number))
        strike.start()
        began = time.monotonic()
        found = sandbox.search([(ENDLESS, TEXT), ("/кот/i", "Кот спит")])
        strike.join()
        assert time.monotonic() - began < LONGEST
        assert len(found) == 2
        assert isinstance(found[0], Refusal)
        assert sandbox.search([("/пёс/", "пёс лает")]) == [True], "the next search has a helper again"
    finally:
        with contextlib.suppress(OSError):
            os.kill(harmed, signal.SIGCONT)
        sandbox.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_helper_that_goes_while_it_renders_costs_only_the_rendering(number: signal.Signals) -> None:
    sandbox = Sandbox()
    talk = {"messages": [{"role": "user", "content": "Привет"}]}
    try:
        assert sandbox.render("{{ messages[0].content }}", [talk]) == ["Привет"]
        harmed = sandbox.pid
        assert harmed is not None
        strike = threading.Timer(0.05, lambda: _strike(harmed, number))
        strike.start()
        began = time.monotonic()
        endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
        (found,) = sandbox.render(endless, [talk])
        strike.join()
        assert isinstance(found, Refusal)
        assert time.monotonic() - began < LONGEST
        assert sandbox.render("{{ messages[0].content }}", [talk]) == ["Привет"]
    finally:
        with contextlib.suppress(OSError):
            os.kill(harmed, signal.SIGCONT)
        sandbox.close()


def test_a_helper_that_was_stopped_meanwhile_is_replaced() -> None:
    sandbox = Sandbox()
    try:
        assert sandbox.search([("/кот/i", "Кот спит")]) == [True]
        assert sandbox.pid is not None
        os.kill(sandbox.pid, signal.SIGSTOP)
        began = time.monotonic()
        assert sandbox.search([("/пёс/", "пёс лает")]) == [True]
        assert time.monotonic() - began < LONGEST
    finally:
        sandbox.close()


def _strike(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)
