"""Question to evidence: query (with its history) · fuse · rerank · evidence (sentences)."""
