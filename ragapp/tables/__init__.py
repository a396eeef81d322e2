"""Tables as data: sums, counts, filters and the most of something, by a query over their rows."""
