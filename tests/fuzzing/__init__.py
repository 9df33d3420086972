"""Every address asked with every kind of wrong value, and its answers judged."""
