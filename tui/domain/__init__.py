"""The floor of pure data and pure functions: no input or output, no clock, no randomness of its own."""
