"""`traktir memory`: what a chat remembers, from the shell."""

from __future__ import annotations
