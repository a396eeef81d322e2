"""Markdown: what is written beside the text, the text, and its inline marks."""
