"""An assessment as a file: Markdown, Word and PDF, with every script's letters inside."""
