"""What travels between server and client.

`POST /v1/call/METHOD` with a JSON object of parameters answers `{"ok": RESULT}` or `{"error": TraktirError.to_json()}`.
`GET /v1/hello` answers who is there. `GET /v1/events?after=EPOCH:SEQ` is a stream of server-sent events; each has an
id `EPOCH:SEQ` and a JSON object with a key `type`:

    node        chat, node                    a message was added or changed (whole, all revisions)
    delta       chat, node, revision, offset, text, [reasoning]   text to stand at that offset; applying it twice is
                                              harmless
    head        chat, head                    the stored path changed
    chat        chat, fields                  fields of a chat changed (all of them, as they now are)
    chats                                     the list of chats changed
    summary     chat, summary
    turn        chat, node, state             state: waiting, loading, prefill, writing, done; with notice, fraction,
                                              processed, total, cached, finish, error, tokens_per_second, used, context,
                                              reused, lore, dropped
    connection  connection                    the backend in use changed or was looked at again
    library     kind                          characters, lorebooks, templates, samplers, prompts, profiles changed
    notice      level, notice                 a sentence for everybody (level: info, warning, error)
    bye         why                           the core ends: stop, signal, upgrade (another build starts it anew), idle
    reset                                     the id asked for is unknown or the client was slow: fetch a snapshot

A client's own stream (`tui.client.connection`) adds `link` with `state` lost or back. A stream begins with a block that
has an id and no data: where it stands. Neighbouring deltas are joined on the way; the id is then that of the last.

A snapshot (a result with `chat` and `nodes`) gets a key `event`: resume after it, and nothing is missed.
"""

from __future__ import annotations

PROTOCOL = 1
#: Seconds between pings on the event stream; a client's read timeout is longer than two of them.
PING_SECONDS = 15.0
