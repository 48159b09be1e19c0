"""Morning briefings: when they are due, what they hold, and how each goes out once."""
