"""`python -m promptgrid`: the same as the command `promptgrid`."""

from promptgrid.cli import main

main()
