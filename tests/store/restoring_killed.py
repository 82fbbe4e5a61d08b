"""Restores a backup and is killed (SIGKILL) just before its n-th act on the file system. Run by the test of that.

Run as: python restoring_killed.py HOME BACKUP N [N …]    (each N in a fork of its own, in a copy of HOME)
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

from tui.store import restoring, staging

_ACTS = frozenset({
    "open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.chmod", "os.utime", "shutil.copyfile",
    "shutil.rmtree", "sqlite3.connect", "os.truncate",
})


def main(home: Path, backup: Path, numbers: list[int]) -> None:
    for number in numbers:
        place = home.with_name(f"{home.name}-{number}")
        shutil.copytree(home, place)
        child = os.fork()
        if child == 0:
            _restore(place, backup, number)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(number, int(os.WIFSIGNALED(status)), flush=True)
        if not os.WIFSIGNALED(status):            # there are no more acts than that
            break


def _restore(home: Path, backup: Path, number: int) -> None:
    done = 0

    def hook(event: str, _args: object) -> None:
        nonlocal done
        if event in _ACTS:
            done += 1
            if done == number:
                os.kill(os.getpid(), signal.SIGKILL)

    database = home / "data" / "t.db"
    sys.addaudithook(hook)
    with staging.stage(database, backup) as staged:
        restoring.whole(database, home / "config", staged)


main(Path(sys.argv[1]), Path(sys.argv[2]), [int(n) for n in sys.argv[3:]])
