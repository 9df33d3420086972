"""The demo: a customer, a stranger, staff, and real images, made through services."""
