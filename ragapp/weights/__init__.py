"""Weights: the registry, the sources, and one folder in the Hugging Face layout for each model."""
