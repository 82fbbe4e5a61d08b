"""Rooms with a core, a model and a telephone; all of it is gone afterwards."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import network_kit
from network_kit import Air, Room
from network_stage import PING_S, FarCore, Model, Phone


class World:
    """Opens things, and closes them in the other order."""

    def __init__(self, log: Path, stack: contextlib.ExitStack) -> None:
        self.log, self._stack = log, stack

    def room(self) -> Room:
        room = Room()
        self._stack.callback(room.close)
        return room

    def air(self, left: Room, right: Room, left_address: str, right_address: str, **nature: object) -> Air:
        air = Air(left, right, left_address, right_address, **nature)  # type: ignore[arg-type]
        self._stack.callback(air.close)
        return air

    def model(self, room: Room, words: int, seed: int = 1) -> Model:
        model = Model(room, words, self.log / "model.log", seed)
        self._stack.callback(model.close)
        return model

    def core(self, room: Room) -> FarCore:
        core = FarCore(room, self.log / "core.log")
        self._stack.callback(core.close)
        return core

    def phone(self, room: Room, url: str, ping_s: float = PING_S) -> Phone:
        phone = Phone(room, url, ping_s)
        self._stack.callback(phone.close)
        return phone


@pytest.fixture(scope="session")
def can_make_networks() -> str:
    return network_kit.missing()


@pytest.fixture
def world(can_make_networks: str, tmp_path: Path) -> Iterator[World]:
    if can_make_networks:
        pytest.skip(can_make_networks)
    with contextlib.ExitStack() as stack:
        yield World(tmp_path, stack)

