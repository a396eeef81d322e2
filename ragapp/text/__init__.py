"""Text itself: what language it is in, its terms, its sentences, its encoding."""
