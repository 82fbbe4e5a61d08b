"""Widgets that screens are built of."""
