"""Tells endpoints at one address apart, so that one of them never reuses the replies of another.

The first settings that are seen at an address have the address as their identity; settings with other headers, or with
a key from another variable, have a longer one. identities.json in the data folder holds a salt and, by address, the
hash of the first settings; settings without key and headers give way to others. A value that is read from the
environment is told apart by its variable: with a corrected or renewed key a run is resumed and its replies are reused.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from promptgrid import files
from promptgrid.endpoint.settings import EndpointSettings
from promptgrid.errors import StoreError
from promptgrid.paths import data_folder

_LOCK_S = 5.0
_DIGITS = 16  # of the hash


def identity(settings: EndpointSettings) -> str:
    """Returns the endpoint's identity: the base URL, for the first settings recorded for this URL and for all settings
    with the same key variable and headers; for others `URL#HEADERS:HASH`, with the names of the headers and a salted
    hash of the variable's name and of the headers as declared. Raises StoreError if identities.json cannot be read or
    written."""
    path = data_folder() / "identities.json"
    try:
        known = _read(path)
        if _gives_way(known, settings):
            known = _recorded(path, settings)
    except OSError as error:
        hint = "Is the disk full, or the folder read-only?"
        raise StoreError(f"{path} cannot be used: {error}.", hint=hint) from error
    own = _hash(known, settings.key_env, settings.declared)
    if own == known["first"][settings.base_url]:
        return settings.base_url
    names = ",".join(sorted(name.lower() for name in settings.headers))
    return f"{settings.base_url}#{names}:{own}"


def _gives_way(known: Mapping[str, Any], settings: EndpointSettings) -> bool:
    """Whether to record these settings as the first ones of their address: none are recorded yet, or the recorded ones
    have neither key nor headers and these have. `known` is the content of identities.json."""
    first, bare = known["first"].get(settings.base_url), _hash(known, "", {})
    return first is None or (first == bare and _hash(known, settings.key_env, settings.declared) != bare)


def _recorded(path: Path, settings: EndpointSettings) -> dict[str, Any]:
    """Records the settings as the first ones of their address, unless another process was faster; returns the content
    of identities.json (`path`)."""
    from filelock import FileLock

    with FileLock(path.with_suffix(".lock"), timeout=_LOCK_S, mode=0o600):  # its Timeout is an OSError
        known = _read(path)
        if _gives_way(known, settings):
            known["first"][settings.base_url] = _hash(known, settings.key_env, settings.declared)
            files.write(path, json.dumps(known, indent=1).encode())
        return known


def _read(path: Path) -> dict[str, Any]:
    """Returns the content of identities.json: `salt` and, by address, the hash of the `first` settings. Without a
    readable file: a new salt and no settings; a damaged file is renamed."""
    try:
        known = json.loads(path.read_bytes())
        if isinstance(known["salt"], str) and isinstance(known["first"], dict):
            return {"salt": known["salt"], "first": known["first"]}
    except FileNotFoundError:
        pass
    except (ValueError, TypeError, KeyError):
        path.replace(path.with_suffix(".damaged"))
    return {"salt": secrets.token_hex(16), "first": {}}


def _hash(known: Mapping[str, Any], key_env: str, headers: Mapping[str, str]) -> str:
    declared = [key_env, sorted((name.lower(), value) for name, value in headers.items())]
    return hashlib.blake2b(json.dumps(declared).encode(), key=known["salt"].encode()).hexdigest()[:_DIGITS]
