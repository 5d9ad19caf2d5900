"""Starts the runner process: `python -m promptgrid.runner`. Its settings come from environment variables."""

import logging
import sys

from promptgrid.errors import PromptgridError
from promptgrid.runner.process import heed_signals, serve, tune
from promptgrid.store import Database

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
tune()
heed_signals()
try:
    serve(Database())
except PromptgridError as error:
    logging.getLogger("promptgrid.runner").error("%s", error)
    sys.exit(1)
