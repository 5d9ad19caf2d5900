"""Improves a prompt: writes candidates, races them on the part *choose*, and proves the chosen one once, on *prove*."""
