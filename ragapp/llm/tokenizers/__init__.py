"""Chat messages to ids, and ids back to text, by family."""
