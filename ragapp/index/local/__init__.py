"""The index on this machine: FAISS and BM25 in immutable segments beside the store."""
