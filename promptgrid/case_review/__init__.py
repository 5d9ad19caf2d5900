"""Reviews a table of cases before it decides between prompts: its parts, its labels, and what a proof would need."""
