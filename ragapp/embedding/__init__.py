"""Text to vectors: encode (hidden states) · pool (a vector a span) · whiten (make them useful)."""
