"""`python -m promptgrid` is the same as the command `promptgrid`."""

from promptgrid.cli import main

main()
