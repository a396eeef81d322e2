"""Files are parsed in processes of their own: what breaks a reader costs that file alone."""
