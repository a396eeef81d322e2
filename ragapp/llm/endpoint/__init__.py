"""The client of any OpenAI-compatible server."""
