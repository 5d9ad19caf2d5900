"""The built-in model: its weights, the process that serves it, and the endpoint `builtin` over both.

Read in this order: `weights` (where the file comes from), `readiness` (what there is), `place` (the files that
processes share), `serve` (the child), `process` (starting and finding it), `turns` (one request at a time), `served`
(the endpoint).
"""

from promptgrid.builtin.endpoint import BuiltinEndpoint
from promptgrid.builtin.process import CONTEXT, SLOTS, ensure, logfile, running, stop, warm
from promptgrid.builtin.status import BuiltinStatus, status
from promptgrid.builtin.weights import MODEL, fetch, identity, names

__all__ = [
    "CONTEXT",
    "MODEL",
    "SLOTS",
    "BuiltinEndpoint",
    "BuiltinStatus",
    "ensure",
    "fetch",
    "identity",
    "logfile",
    "names",
    "running",
    "status",
    "stop",
    "warm",
]
