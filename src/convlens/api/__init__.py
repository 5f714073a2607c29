"""The verbs, one file each, as the command line and notebooks call them alike."""
