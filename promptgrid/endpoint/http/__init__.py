"""The way to an endpoint over HTTP/1.1: connections, how they are opened, and which are used again."""
