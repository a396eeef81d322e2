"""Mail: who wrote to whom, what they wrote, and what they attached; and web pages saved as mail."""
