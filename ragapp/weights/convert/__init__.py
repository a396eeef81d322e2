"""Checkpoints in other layouts to safetensors, once."""
