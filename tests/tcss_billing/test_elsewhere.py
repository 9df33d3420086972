"""The books elsewhere: restored from a dump, on a standby, and through a pooler."""
