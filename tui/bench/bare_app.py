"""The smallest Textual application: what every start of ours is measured against."""

from textual.app import App, ComposeResult
from textual.widgets import Static


class Bare(App[None]):
    def compose(self) -> ComposeResult:
        yield Static("BareApp")


if __name__ == "__main__":
    Bare().run()
