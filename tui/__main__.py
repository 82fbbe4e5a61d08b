"""`python -m tui` is `traktir`."""

from tui.cli import main

raise SystemExit(main())
