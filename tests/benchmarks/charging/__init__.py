"""Charges of ours beside the same by others: each in processes of its own."""
