"""What a run retrieves: the tables of Compare, and the judge of faithfulness."""
