"""`python -m tui` is `traktir`."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (pip refuses older ones; whoever runs a checkout gets a sentence)
    sys.exit("Traktir needs Python 3.11 or newer, and this is {}.{}.".format(*sys.version_info))

from tui.cli import main

raise SystemExit(main())
