"""`python -m promptgrid.runner`: the runner process. Its settings are the environment's."""

import logging

from promptgrid.runner.process import serve, tune
from promptgrid.store import Database

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
tune()
serve(Database())
