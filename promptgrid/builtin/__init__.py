"""The built-in model: its weights, the process that serves it, and the endpoint `builtin` over both.

Read in this order: `weights` (the model file and its download), `status`, `server_folder` (the files that processes
share), `server_main` (the server's process), `process` (starts and finds it), `queue` (one request at a time),
`endpoint`.
"""

from promptgrid.builtin.endpoint import BuiltinEndpoint
from promptgrid.builtin.process import CONTEXT, SLOTS, ensure, logfile, running, stop, warm
from promptgrid.builtin.status import BuiltinStatus, status
from promptgrid.builtin.weights import MODEL, fetch, identity, names
