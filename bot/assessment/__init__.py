"""The assessment: values, format, engine, prompts, parsing, checks, rendering."""
