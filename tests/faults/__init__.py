"""Faults under load: processes are killed, the server crashes, time jumps.

Every process writes down what it asks before it asks, and what it was told once it was
told; afterwards the books are held against those writings. ``python -m tests.faults``.
"""
