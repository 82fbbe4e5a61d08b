"""The command line: argument parsing, one module a subcommand."""


def main() -> int:
    return 0
