"""The benchmark of many teams: a plan from a seed, what was seen, and the page that says so."""
