"""SQLite: chats as trees, an operation log, drafts, plan states, full-text search."""
