"""Hunt for inputs that break a promise of `fuzz_targets`, guided by what the code does with them.

    python tests/fuzz/fuzz_parsers.py png --seconds 60
    python tests/fuzz/fuzz_parsers.py all --seconds 20

Needs atheris (`pip install atheris`), which is no dependency of the project. What is found is written to the folder
given by --out (default: the working directory) and printed; a finding belongs into `test_fuzz_findings.py`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def hunt(name: str, seconds: int, out: Path) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=["tui"]):
        from fuzz_targets import SEEDS, TARGETS
    seeds = Path(tempfile.mkdtemp(prefix="seeds-"))
    for number, seed in enumerate(SEEDS[name]):
        (seeds / str(number)).write_bytes(seed)
    out.mkdir(parents=True, exist_ok=True)
    words = [
        sys.argv[0], f"-max_total_time={seconds}", "-max_len=8192", "-timeout=20", "-rss_limit_mb=1500",
        f"-artifact_prefix={out}/{name}-", "-print_final_stats=1", "-verbosity=0", str(seeds),
    ]
    atheris.Setup(words, TARGETS[name])
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", help="a target's name, or all")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path.cwd())
    options = parser.parse_args()
    sys.path[:0] = [str(HERE), str(HERE.parents[1])]
    if options.target != "all":
        hunt(options.target, options.seconds, options.out)
        return 0
    from fuzz_targets import TARGETS

    failed = []
    for name in TARGETS:
        words = [sys.executable, __file__, name, "--seconds", str(options.seconds), "--out", str(options.out)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, errors="replace")
        runs = [line for line in done.stderr.splitlines() if "number_of_executed_units" in line]
        print(name, "breaks a promise" if done.returncode else "holds", *runs, flush=True)
        if done.returncode:
            failed.append(name)
            print(done.stdout[-1500:], done.stderr[-1500:], flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
