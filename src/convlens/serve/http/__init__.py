"""Who may ask, how much, and in what form: everything before a request is understood."""
