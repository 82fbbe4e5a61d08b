"""Textual: app, screens, widgets, key handling, styles."""
