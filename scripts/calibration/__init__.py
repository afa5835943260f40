"""How often the verdict is right, on made-up models whose truth is known: `make calibration` writes the page of it."""
