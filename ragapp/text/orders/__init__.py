"""Sentences in a document that give orders to an assistant: what they look like, and which are."""
