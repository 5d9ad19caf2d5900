"""The commands that judge replies and compare runs."""
