"""From known images to a verdict: cases, images, predictors, metrics, comparison, gates."""
