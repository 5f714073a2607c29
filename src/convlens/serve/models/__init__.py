"""Runs that are answered for: opened, computed in batches, described."""
