"""The directory of the socket, its lock, and what a crash leaves there."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from tui import paths
from tui.domain.errors import BadInput, Refused
from tui.server.sockets import claim, listen_tcp
from tui.wire.place import check_private, make_private, pointed, socket_path


def test_directory_and_socket_are_ours_alone() -> None:
    claimed = claim(socket_path())
    assert stat.S_IMODE(claimed.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(claimed.path.stat().st_mode) == 0o600
    assert pointed() is None                       # not before the store is its own
    claimed.announce()
    assert pointed() == claimed.path
    claimed.release()
    assert not claimed.path.exists()
    assert pointed() is None


def test_one_place_holds_one_core() -> None:
    claimed = claim(socket_path())
    with pytest.raises(Refused, match="running already") as refused:
        claim(socket_path())
    assert refused.value.details["running"]
    claimed.release()
    claim(socket_path()).release()


def test_what_a_crash_left_is_removed() -> None:
    make_private(socket_path().parent)
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(socket_path()))
    stale.close()
    claimed = claim(socket_path())
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(str(socket_path()))
    claimed.release()


def test_a_socket_that_was_cleaned_away_is_noticed() -> None:
    claimed = claim(socket_path())
    assert claimed.reachable()
    claimed.path.unlink()
    assert not claimed.reachable()
    claimed.release()


def test_a_directory_open_to_others_is_refused() -> None:
    folder = paths.runtime_dir()
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(Refused, match="opened by other users"):
        claim(socket_path())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_refused() -> None:
    folder = paths.runtime_dir()
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, 12345)
    with pytest.raises(Refused, match="belongs to another user"):
        make_private(folder)


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir(mode=0o700)
    paths.runtime_dir().symlink_to(mine)
    with pytest.raises(Refused, match="not a directory"):
        check_private(paths.runtime_dir())
    with pytest.raises(Refused, match="not a directory"):
        claim(socket_path())


def test_a_place_that_cannot_be_made_is_named(monkeypatch: pytest.MonkeyPatch, short_tmp: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(short_tmp / "absent"))
    with pytest.raises(Refused, match=r"cannot be made \(No such file or directory\)"):
        claim(socket_path())


def test_a_path_beyond_what_a_socket_takes_is_refused(short_tmp: Path) -> None:
    with pytest.raises(Refused, match="too long"):
        claim(short_tmp / ("x" * 100) / "core.sock")


def test_a_port_that_is_taken_is_named() -> None:
    taken = listen_tcp("127.0.0.1", 0)
    with pytest.raises(BadInput, match="cannot be listened on"):
        listen_tcp("127.0.0.1", taken.getsockname()[1])
    taken.close()
    with pytest.raises(BadInput):
        listen_tcp("no.such.host.invalid", 1)
