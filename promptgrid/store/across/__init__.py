"""Reads and stores what concerns several runs: tags, baselines, parts of cases, repeated looks, costs, the search."""
