"""The History page: the search over all answers, the runs, the scores of a prompt over time, and the costs."""
