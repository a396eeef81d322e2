"""The engines that generate text, one module each; they share ``synthesis.engine``."""
