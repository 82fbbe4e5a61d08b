"""Remote backends: servers that complete text, each by its own dialect."""
