"""Registries that tests read: the real one, and ones that misbehave."""
