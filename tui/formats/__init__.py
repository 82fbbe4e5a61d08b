"""Cards, lorebooks, chats and presets as bytes and files."""
