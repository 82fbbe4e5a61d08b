"""The httpx client that the terminal and the command line speak through."""
