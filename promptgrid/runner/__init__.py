"""Carries out runs, in a separate process or in this one: reuses replies, sends calls, commits results, pauses,
cancels."""
