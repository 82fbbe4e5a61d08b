"""The llama.cpp worker process and the proxy that the core holds of it."""
