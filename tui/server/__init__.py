"""Starlette routes and the event stream in front of the core."""
