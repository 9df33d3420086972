"""What an operator sees of a running process: probes, figures and a log to search."""
