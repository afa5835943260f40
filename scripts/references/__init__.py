"""The references under docs/ that are made from the code: `python -m references` writes them."""
