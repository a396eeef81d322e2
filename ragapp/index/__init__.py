"""The knowledge base: store (SQLite, the truth) with dense (FAISS) and lexical (BM25) beside it."""
