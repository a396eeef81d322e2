"""Questions that passages cannot answer: about the knowledge base itself, about whole documents."""
