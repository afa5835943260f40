"""Making one environment serve what main declares: a plan as a value, and the run that carries it out."""
