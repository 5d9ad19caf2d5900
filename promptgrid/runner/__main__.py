"""`python -m promptgrid.runner`: the runner process. Its settings are the environment's."""

import gc
import logging

from promptgrid.runner.process import serve
from promptgrid.store import Database

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
gc.freeze()
gc.set_threshold(20_000, 20, 20)  # thousands of replies a second come and go: look for cycles less often
serve(Database())
