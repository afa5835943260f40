"""`models.yaml` as values: its form, its strict reader, the rules between two states of it, and edits of its text."""
