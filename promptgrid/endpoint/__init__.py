"""The one seam to any model: Endpoint.complete(request) -> replies."""

from promptgrid.endpoint.base import Delta, Endpoint, Reply, Request

__all__ = ["Delta", "Endpoint", "Reply", "Request"]
