"""Textual's style sheet, which here is read once and not twice before the first frame."""

from __future__ import annotations

from textual.css.stylesheet import Stylesheet


class KeptStylesheet(Stylesheet):
    """Keeps what it has read for as long as the variables (the theme's colours) stay the same.

    Textual reads everything again whenever a theme is announced, the first one too, which it has begun with. That is
    a tenth of the time to the first frame.
    """

    def set_variables(self, variables: dict[str, str]) -> None:
        if variables != self._variables:
            super().set_variables(variables)

    def reparse(self) -> None:
        """Read what is not known yet, or was forgotten with other variables. Raises StylesheetError."""
        self.parse()
