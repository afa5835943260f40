"""Each command as the list of its steps."""
