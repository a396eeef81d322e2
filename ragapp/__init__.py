"""ragapp: ask your own documents and see the sentence behind every claim.

file ─ documents/ ─▶ pages ─▶ chunks ─ embedding/ ─▶ vectors ─ index/ ─▶ knowledge base (ingest.py)
question ─ retrieval/ ─▶ evidence ─ synthesis/ ─▶ prompt ─▶ streamed answer ─ web/      (ask.py)
"""

__version__ = "0.1.0"
