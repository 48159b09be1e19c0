"""A strict local Slack workspace with a web page; knows nothing of the rest of the bot."""
