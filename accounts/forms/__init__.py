"""Forms parse and word; they never write."""
