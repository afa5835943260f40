"""What people and programs read of a run: JSON documents, Markdown for a pull request, text for a terminal."""
