"""What someone who edits a network asks for: its table, and trainings."""
