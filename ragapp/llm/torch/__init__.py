"""The torch engine: GPUs, and every way of decoding."""
