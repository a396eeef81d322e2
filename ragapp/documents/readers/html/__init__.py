"""Web pages: the tree of their tags, and the text a person would read."""
