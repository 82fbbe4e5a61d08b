"""Use cases: take a turn, swipe, branch, summarise, import, export."""
