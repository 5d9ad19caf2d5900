"""OpenAI's encodings, available offline from the first start.

tiktoken downloads a vocabulary on first use, without a timeout and under a lock. So it is called only for vocabularies
in its cache. A vocabulary gets there (1) by earlier use, (2) from the data files of bpe-openai, which have the same
bytes, (3) by one download with a timeout.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import os
import re
import tempfile
import threading
import time
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

from promptgrid import files, paths
from promptgrid.errors import StoreError

if TYPE_CHECKING:
    import tiktoken

    from promptgrid.tokens.few_words import FewWords

URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
DEADLINE_S = 5.0
# white-space characters in a row: tiktoken's pattern panics at half a million
ENDLESS = 100_000
_BLANKS = re.compile(r"\s+")
RETRY_S = 300.0

# From tiktoken_ext/openai_public.py; tiktoken checks them again
SHA256 = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "p50k_base": "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
    "r50k_base": "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
}
# encoding -> its vocabulary
ENCODINGS = {
    "o200k_base": "o200k_base",
    "o200k_harmony": "o200k_base",
    "cl100k_base": "cl100k_base",
    "p50k_base": "p50k_base",
    "p50k_edit": "p50k_base",
    "r50k_base": "r50k_base",
    "gpt2": "r50k_base",
}

_ready: dict[str, tiktoken.Encoding] = {}
_few: dict[str, FewWords | None] = {}
_missed: dict[str, float] = {}
_loading = threading.Lock()


def encoding(name: str) -> tiktoken.Encoding | None:
    """tiktoken's encoding of that name; None if the name is unknown or the vocabulary is not available."""
    if name in _ready:
        return _ready[name]
    vocabulary = ENCODINGS.get(name)
    if vocabulary is None:
        return None
    with _loading:
        if name not in _ready and _available(vocabulary):
            _ready[name] = _load(name)
        return _ready.get(name)


def length(name: str, text: str) -> int:
    """Returns the number of tokens of the text in the encoding `name`; the first few short texts are counted without
    loading it. Raises LookupError if the name is unknown or the vocabulary is not available."""
    if name not in _ready and (few := _few_words(name)) is not None and (count := few.count(text)) is not None:
        return count
    tokenizer = encoding(name)
    if tokenizer is None:
        raise LookupError(name)
    _few.pop(name, None)
    return len(tokenizer.encode_ordinary(text))


def _few_words(name: str) -> FewWords | None:
    """Returns the counter of a few short texts; None for an encoding whose pattern tiktoken does not tell alone, or
    whose vocabulary is not available."""
    with _loading:
        if name not in _few and name == ENCODINGS.get(name) and _available(name):
            from promptgrid.tokens.few_words import FewWords

            pattern = _published(name).get("pat_str", "")
            _few[name] = FewWords(_path(name).read_bytes(), pattern) if pattern else None
        return _few.get(name)


def _published(name: str) -> dict[str, Any]:
    """Returns what tiktoken has published of the encoding, without its vocabulary: the function that makes it is called
    with an empty one in place of the file's."""
    import tiktoken

    tiktoken.list_encoding_names()  # finds the functions that make them
    make = (tiktoken.registry.ENCODING_CONSTRUCTORS or {})[name]
    return dict(FunctionType(make.__code__, {**make.__globals__, "load_tiktoken_bpe": lambda *_, **__: {}})())


def _load(name: str) -> tiktoken.Encoding:
    import tiktoken

    if name != "gpt2":
        return tiktoken.get_encoding(name)
    # tiktoken has other files for gpt2, with the same ranks
    same = tiktoken.get_encoding("r50k_base")
    return tiktoken.Encoding(
        "gpt2", pat_str=same._pat_str, mergeable_ranks=same._mergeable_ranks, special_tokens=same._special_tokens
    )


def _available(vocabulary: str) -> bool:
    """Returns whether the vocabulary is in tiktoken's cache; first tries to put it there if it is missing."""
    path = _path(vocabulary)
    return _is_complete(path, vocabulary) or _copy(path, vocabulary) or _try_download(path, vocabulary)


def _path(vocabulary: str) -> Path:
    return _cache() / hashlib.sha1(URL.format(vocabulary).encode(), usedforsecurity=False).hexdigest()


def _cache() -> Path:
    """Returns the folder in which tiktoken caches vocabularies: the one that the environment names, else promptgrid's
    own. Also sets TIKTOKEN_CACHE_DIR to promptgrid's own folder in that case."""
    for name in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        if folder := os.environ.get(name):
            return Path(folder)
    try:
        folder = str(paths.cache_folder() / "tiktoken")
    except StoreError:  # a read-only home: a temporary folder is enough for counting
        folder = str(Path(tempfile.gettempdir()) / "promptgrid-tiktoken")
    # tiktoken reads the folder only from the environment
    os.environ["TIKTOKEN_CACHE_DIR"] = folder
    return Path(folder)


def _is_complete(path: Path, vocabulary: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[vocabulary]


def _copy(path: Path, vocabulary: str) -> bool:
    """Copies the vocabulary to `path` from the data files of the package bpe-openai, without importing it. Returns
    whether the copy is complete."""
    package = importlib.util.find_spec("bpe_openai")
    if package is None or not package.submodule_search_locations:
        return False
    carried = Path(package.submodule_search_locations[0]) / "data" / f"{vocabulary}.tiktoken.gz"
    try:
        content = gzip.decompress(carried.read_bytes())
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, content)
    except OSError:
        return False
    return _is_complete(path, vocabulary)


def _try_download(path: Path, vocabulary: str) -> bool:
    """Downloads the vocabulary to `path`; returns whether that succeeded within 5 s, since a user waits for a count.

    After a failure no download is tried for 5 minutes.
    """
    if time.monotonic() < _missed.get(vocabulary, 0.0):
        return False
    thread = threading.Thread(target=_download, args=(vocabulary,), name="vocabulary", daemon=True)
    thread.start()
    thread.join(DEADLINE_S)
    if not thread.is_alive() and _is_complete(path, vocabulary):
        return True
    _missed[vocabulary] = time.monotonic() + RETRY_S
    return False


def _download(vocabulary: str) -> None:
    import requests
    from tiktoken.load import read_file_cached

    try:
        read_file_cached(URL.format(vocabulary), SHA256[vocabulary])
    except (requests.RequestException, OSError, ValueError):
        return


def endless_space(text: str) -> bool:
    """Whether the text has 100,000 or more white-space characters in a row, at which tiktoken may fail."""
    for at in range(0, len(text), ENDLESS // 2):  # a row that long contains one of these places
        if text[at].isspace():
            before = text[max(0, at - ENDLESS) : at]
            rest = _BLANKS.match(text, at)
            if len(before) - len(before.rstrip()) + (rest.end() - at if rest else 0) >= ENDLESS:
                return True
    return False
