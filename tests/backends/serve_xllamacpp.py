"""The real llama-server, in a process of its own: `python serve_xllamacpp.py MODEL PORT N_CTX [KEY]`. With a projector
in the variable MMPROJ it sees."""

from __future__ import annotations

import os
import sys
import threading

import xllamacpp


def main() -> None:
    model, port, n_ctx, *key = sys.argv[1:]
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.hostnames = ["127.0.0.1"]
    params.port = int(port)
    params.n_ctx = int(n_ctx)
    params.n_parallel = 1
    params.n_threads_http = 4
    params.cpuparams.n_threads = 2
    params.endpoint_slots = True
    params.warmup = False
    if projector := os.environ.get("MMPROJ"):
        params.mmproj.path = projector
    if key:
        params.api_keys = key
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
