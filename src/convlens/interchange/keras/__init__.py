"""Keras files: `writing` makes one with Keras; the others read one without it."""
