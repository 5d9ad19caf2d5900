"""Reads and stores what concerns several runs: tags, favourites, baselines, repeated looks, costs, and the search."""
