"""Files → text → chunks: discover, parse (one reader a format), sentences, split."""
