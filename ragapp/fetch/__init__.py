"""Pages of the web, fetched because a person asked for just these, and kept as files."""
