"""Evidence: what an answer may rest on."""
