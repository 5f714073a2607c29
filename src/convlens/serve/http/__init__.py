"""Access, limits and the form of requests: everything before a request is understood."""
