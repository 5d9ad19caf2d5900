"""What counting tokens costs: a megabyte, an edit in a long prompt; whether chats count as the built-in model reports.

`--talks N` asks the built-in model (its weights must be here) about N random conversations, half of them with tools.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import machine

ROOT = Path(__file__).parents[1]
ENCODINGS = ("o200k_base", "cl100k_base")


def mixed(characters: int) -> str:
    """Prose, code and Chinese, no line of it twice."""
    chance = random.Random(1)
    code = "".join(path.read_text("utf-8") for path in sorted((ROOT / "promptgrid").rglob("*.py")))
    words = code.split()
    letters = "我们今天说的是语言模型怎样读一段文字它先把文字切成小块再一块一块地猜下去"
    prose = "\n\n".join(" ".join(chance.choices(words, k=chance.randrange(20, 120))) for _ in range(400))
    chinese = "\n".join("".join(chance.choices(letters, k=60)) for _ in range(2500))
    return (code[: characters * 6 // 10] + prose + "\n" + chinese)[:characters]


def cpu(call: Callable[..., object], *arguments: str) -> float:
    """Seconds of this process: other work on the machine does not count."""
    begun = time.process_time()
    call(*arguments)
    return time.process_time() - begun


def megabyte(rounds: int) -> None:
    from promptgrid.tokens import count, count_in, encoding
    from promptgrid.tokens.cache import CountCache

    text = mixed(1_000_000)
    for name in ENCODINGS:
        bare = encoding(name)
        assert bare is not None
        bare.encode_ordinary(text)
        ratios, seconds = [], []
        for _ in range(rounds):
            seconds.append(cpu(bare.encode_ordinary, text))
            count._memory = CountCache(count.REMEMBERED)
            count._part_length.cache_clear()
            ours = cpu(count_in, name, text)
            ratios.append(ours / seconds[-1])
        assert count_in(name, text).tokens == len(bare.encode_ordinary(text))
        print(f"{name}: 1 MB bare {statistics.median(seconds) * 1000:.0f} ms, ours × {statistics.median(ratios):.2f}")


def edits(rounds: int) -> None:
    from promptgrid.tokens import count_in, encoding

    chance = random.Random(2)
    for name in ENCODINGS:
        bare = encoding(name)
        assert bare is not None
        lines = mixed(100_000).split("\n")
        count_in(name, "\n".join(lines))
        seconds = []
        for number in range(rounds):
            lines[chance.randrange(len(lines))] += f" and {number}"
            text = "\n".join(lines)
            seconds.append(cpu(count_in, name, text))
            assert count_in(name, text).tokens == len(bare.encode_ordinary(text))
        ordered = sorted(seconds)
        worst = ordered[len(ordered) * 95 // 100]
        print(
            f"{name}: an edit in 100 kB {statistics.median(ordered) * 1000:.1f} ms, 95 % within {worst * 1000:.1f} ms"
        )


def talks(number: int) -> None:
    from promptgrid import builtin, connections, loop
    from promptgrid.endpoint import Request
    from promptgrid.prompt import Parameters
    from promptgrid.tokens import count_messages
    from tests.talks import conversation

    builtin.ensure()
    endpoint, ref = connections.connect("builtin"), f"builtin/{builtin.MODEL}"
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    wrong = 0
    for seed in range(number):
        messages, tools = conversation(seed), [tool] if seed % 2 else []
        extra = {"tools": tools} if tools else {}
        request = Request(builtin.MODEL, tuple(messages), parameters=Parameters(max_tokens=1, extra_body=extra))
        reported = loop.run_sync(endpoint.complete(request))[0].prompt_tokens
        counted = count_messages(messages, ref, tools=tools)
        wrong += not (counted.exact and counted.tokens == reported)
    print(f"{number} conversations with the built-in model, half with tools: {number - wrong} counted as it reports")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--talks", type=int, default=0)
    options = parser.parse_args()
    print(machine())
    megabyte(options.rounds)
    edits(10 * options.rounds)
    if options.talks:
        talks(options.talks)


if __name__ == "__main__":
    main()
