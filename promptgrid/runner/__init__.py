"""Carries runs out, in a process of its own or in this one: reuse, calls, commits, pause and cancel."""
