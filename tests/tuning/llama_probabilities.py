"""`python llama_probabilities.py GGUF [ADAPTER]` reads a JSON list of prompts, each a list of token ids, from stdin and
prints for each the ten most probable next tokens of llama.cpp, as pairs of id and log-probability."""

from __future__ import annotations

import json
import os
import sys

import requests
import xllamacpp

parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
parameters.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(path, 1.0) for path in sys.argv[2:]]
parameters.port = 0
parameters.n_ctx = 1024
parameters.ui = False
parameters.verbosity = -1
server = xllamacpp.Server(parameters)
body = {"n_predict": 1, "n_probs": 10, "temperature": 0, "cache_prompt": False}
replies = []
for prompt in json.load(sys.stdin):
    reply = requests.post(f"{server.listening_address}/completion", json={**body, "prompt": prompt}, timeout=120).json()
    replies.append([[one["id"], one["logprob"]] for one in reply["completion_probabilities"][0]["top_logprobs"]])
sys.stdout.write(json.dumps(replies))
sys.stdout.flush()
os._exit(0)  # llama.cpp's threads need not be waited for
