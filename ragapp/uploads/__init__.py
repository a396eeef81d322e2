"""Files dropped into the page: where they lie, how they come in, and how they go out again."""
