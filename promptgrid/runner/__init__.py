"""Carries plans out: reuse, sending, retries, commits, pause and cancel; as a process of its own or in this one."""
