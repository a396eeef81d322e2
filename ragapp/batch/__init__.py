"""A file of prompts to a file of predictions, without retrieval."""
