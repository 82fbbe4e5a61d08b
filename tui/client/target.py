"""From `--connect` and a token's place to a target."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.wire.target import Target


def remote_target(url: str, token_file: Path | None = None) -> Target:
    """The core at `url` (`host:port` will do), with the token from `token_file`, else from `TRAKTIR_TOKEN`.

    Raises BadInput for an address that is none, or a token that is missing or cannot be read.
    """
    full = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(full)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or parts.scheme == "https")
    except ValueError:
        usable = False
    if not usable:
        raise BadInput(notice("{url} is not the address of a core.", url=url[:200]),
                       notice("It looks like this: http://192.168.1.5:8777"))
    return Target(url=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", token=_token(token_file))


def _token(file: Path | None) -> str:
    if file is not None:
        try:
            token = file.read_text("utf-8").strip()
        except (OSError, ValueError) as problem:
            raise BadInput(notice("{file} cannot be read ({reason}).", file=str(file), reason=str(problem)),
                           file=str(file)) from problem
    else:
        token = os.environ.get("TRAKTIR_TOKEN", "").strip()
    if not token or not token.isascii() or not token.isprintable():
        raise BadInput(
            notice("A core at an address wants its token."),
            notice("Give it with --token-file FILE, or in TRAKTIR_TOKEN."),
        )
    return token
