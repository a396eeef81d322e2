"""What stands in front of the page: who may open it, what they may ask of it, and as whom."""
