"""From a chat, a card, lore and notes to a plan, and from the plan to the exact prompt."""
