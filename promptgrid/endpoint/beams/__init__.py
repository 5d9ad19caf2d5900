"""Beam search: the likeliest whole texts, by following the likeliest beginnings side by side.

`search` is pure: next-token distributions become beams. `llama_cpp` carries a search out, one request a step; `vllm`
asks vLLM for its own search.
"""
