"""Where weights come from, one module a kind: each verifies its files and runs none of them."""
