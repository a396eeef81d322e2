"""Word documents: the body in its order, with the numbers Word only shows."""
