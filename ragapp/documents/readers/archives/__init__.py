"""Archives: the files they hold, each with the reader of its kind, under their names."""
