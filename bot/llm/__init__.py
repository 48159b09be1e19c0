"""The language model at the edge: port, OpenAI client, local demo model."""
