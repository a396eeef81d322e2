"""The page in the browser: renders what ``ingest`` and ``ask`` report, and decides nothing."""
