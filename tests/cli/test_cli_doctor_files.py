"""What `traktir doctor` says of the places where files lie."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path

import pytest
from doctor_kit import MB, NOW, by_id, made_up, places

from tui.cli.doctoring import core, storage
from tui.cli.doctoring.machine import this_machine
from tui.store.backup import folder as backup_folder
from tui.store.copies import Record, write_record

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from machine import small_disk


def mounted(place: Path, kind: str, options: str = "rw,relatime") -> dict[str, str]:
    escaped = str(place).replace(" ", r"\040")
    lines = ("22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
             f"30 22 0:50 / {escaped} {options} shared:9 - {kind} somewhere rw")
    return {"proc/self/mountinfo": "\n".join(lines) + "\n"}


def test_a_fresh_home_is_fine(tmp_path: Path) -> None:
    found = [*storage.look(made_up(tmp_path / "m"), places(tmp_path / "home"))]
    assert [f.id for f in found if f.severity == "problem"] == ["tmp.unusable"]      # the folder is not made yet
    (tmp_path / "home").mkdir()
    found = [*storage.look(made_up(tmp_path / "m"), places(tmp_path / "home"))]
    assert {f.severity for f in found} == {"ok"}


@pytest.mark.parametrize(("kind", "id_", "severity"), [
    ("nfs4", "store.network", "note"), ("fuse.sshfs", "store.network", "note"), ("cifs", "store.network", "note"),
    ("exfat", "store.card", "problem"), ("sdcardfs", "store.card", "problem"),
])
def test_file_systems_that_are_no_good_for_chats(tmp_path: Path, kind: str, id_: str, severity: str) -> None:
    home = tmp_path / "my home"
    home.mkdir()
    found = by_id([*storage.look(made_up(tmp_path, files=mounted(home, kind)), places(home))])
    assert found[id_].severity == severity


@pytest.mark.parametrize(("free", "id_"), [(5 * MB, "disk.full"), (100 * MB, "disk.little"), (5000 * MB, "disk.room")])
def test_room_on_the_disk(tmp_path: Path, free: int, id_: str) -> None:
    found = by_id([*storage.look(made_up(tmp_path, free=free), places(tmp_path))])
    assert id_ in found
    assert (found[id_].severity == "problem") is (id_ == "disk.full")


def test_read_only_places_and_files_in_the_way(tmp_path: Path) -> None:
    found = by_id([*storage.look(made_up(tmp_path, files=mounted(tmp_path, "ext4", "ro")), places(tmp_path))])
    assert found["files.data"].severity == "problem"
    (tmp_path / "file").write_text("")
    found = by_id([*storage.look(made_up(tmp_path / "m"), places(tmp_path / "file" / "home", tmp_path))])
    assert "is a file" in str(found["files.config"].says)


def test_who_else_can_read_the_chats(tmp_path: Path) -> None:
    where = places(tmp_path)
    where.data.mkdir()
    where.database.write_text("")
    for folder_mode, file_mode, id_ in ((0o700, 0o644, "home.private"), (0o755, 0o600, "home.private"),
                                        (0o755, 0o644, "home.readable"), (0o775, 0o600, "home.writable")):
        where.data.chmod(folder_mode)
        where.database.chmod(file_mode)
        assert id_ in by_id([*storage.look(made_up(tmp_path / "m"), where)])


def test_clocks_that_are_wrong(tmp_path: Path) -> None:
    where = places(tmp_path)
    where.data.mkdir()
    where.database.write_text("")
    os.utime(where.database, (NOW + 9e6, NOW + 9e6))
    assert "clock.future" in by_id([*storage.look(made_up(tmp_path / "m"), where)])
    found = by_id([*storage.look(made_up(tmp_path / "m", now=1000.0), where)])
    assert found["clock.past"].severity == "problem"


def test_temporary_folders_that_cannot_be_used(tmp_path: Path) -> None:
    found = by_id([*storage.look(made_up(tmp_path / "m"), places(tmp_path, tmp_path / "gone"))])
    assert found["tmp.unusable"].do == "unset TMPDIR"
    long = tmp_path / ("ж" * 60)
    long.mkdir()
    found = by_id([*storage.look(made_up(tmp_path / "m"), places(tmp_path, long))])
    assert "tmp.long" in found
    files = mounted(tmp_path, "tmpfs", "rw,nosuid,noexec")
    found = by_id([*storage.look(made_up(tmp_path / "n", files=files), places(tmp_path))])
    assert "noexec" in str(found["tmp.noexec"].says)


def test_a_socket_that_was_left_and_a_folder_that_is_open(tmp_path: Path) -> None:
    where = places(tmp_path)
    where.runtime.mkdir(mode=0o700)
    before = os.getcwd()
    os.chdir(where.runtime)                            # the whole path may be too long for a socket
    try:
        with socket.socket(socket.AF_UNIX) as left:
            left.bind("core.sock")
    finally:
        os.chdir(before)
    assert "socket.left" in by_id([*storage.look(made_up(tmp_path / "m"), where)])
    where.runtime.chmod(0o755)
    found = by_id([*storage.look(made_up(tmp_path / "m"), where)])["socket.refused"]
    assert found.severity == "problem"
    assert found.do == f"chmod 700 '{where.runtime}'"


def test_a_real_full_disk_is_told(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        found = by_id([*storage.look(this_machine(), places(disk))])
        assert found["disk.full"].severity == "problem"
        mount = storage.mount_of(this_machine(), disk / "data")
        assert mount is not None
        assert (mount.place, mount.kind) == (disk, "tmpfs")


@pytest.mark.parametrize(("host", "told"), [("elsewhere", True), (socket.gethostname(), False)])
def test_a_store_that_another_computer_holds_is_told(tmp_path: Path, host: str, told: bool) -> None:
    where = places(tmp_path)
    where.data.mkdir()
    owner = where.data / "traktir.db.owner"
    owner.write_text(json.dumps({"host": host, "pid": 7, "socket": ""}))
    found = by_id([*storage.look(made_up(tmp_path / "m"), where)])
    assert ("store.elsewhere" in found) is told
    assert not told or found["store.elsewhere"].do == f"rm '{owner}'"


def test_the_age_of_the_last_backup(tmp_path: Path) -> None:
    where = places(tmp_path)
    where.data.mkdir()
    where.database.write_text("")
    machine = made_up(tmp_path / "m", now=time.time())
    assert by_id([*storage.look(machine, where)])["backup.none"].do == "traktir backup"
    copy = backup_folder(where.database) / "traktir-home-20260101-120000-000000000.zip"
    copy.parent.mkdir()
    copy.write_text("x")
    assert "backup.none" in by_id([*storage.look(machine, where)]), "nobody has checked that one"
    write_record(copy, Record(machine.now, 3, {"chats": 1}, 1, "", "0.1.0"))
    assert "backup.fresh" in by_id([*storage.look(machine, where)])
    os.utime(copy, (machine.now - 20 * 86400,) * 2)
    assert "20 days old" in str(by_id([*storage.look(machine, where)])["backup.old"].says)


def test_a_core_of_another_build_is_told() -> None:
    assert [f.do for f in core._build({"build": "0.0.1-older"})] == ["traktir stop"]
