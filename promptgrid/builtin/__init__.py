"""The built-in model: its weights, the process that serves it, and the endpoint `builtin` over both.

Read in this order: `weights` (the model file and its download), `unpacking` (to 16 bit), `adapters` and `models`,
`status`, `server_folder` (the files that processes share), `server_main` (the server's process), `process` (starts and
finds it), `queue` (which request goes next), `endpoint`.
"""

from promptgrid.builtin.endpoint import BuiltinEndpoint
from promptgrid.builtin.models import adapter_of, names
from promptgrid.builtin.process import CONTEXT, ensure, logfile, running, stop, warm
from promptgrid.builtin.status import BuiltinStatus, status
from promptgrid.builtin.unpacking import served_state
from promptgrid.builtin.weights import MODEL, fetch, identity
