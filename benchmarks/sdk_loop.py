"""The baseline: what one writes by hand with the openai SDK, a semaphore and a file of JSON lines."""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
from pathlib import Path
from typing import TextIO

from openai import AsyncOpenAI, OpenAIError
from openai.types.chat import ChatCompletionMessageParam


async def answer(client: AsyncOpenAI, slot: asyncio.Semaphore, number: str, out: TextIO) -> None:
    """One case; what goes wrong after the SDK's own retries is written down and lost."""
    messages: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": "You repeat what you are told, and add nothing."},
        {"role": "user", "content": f"Repeat this number: {number}"},
    ]
    async with slot:
        try:
            reply = await client.chat.completions.create(
                model="gpt-4o-mini",
                messages=messages,
                temperature=0,
                max_tokens=16,
            )
            result = {"number": number, "output": reply.choices[0].message.content}
        except (OpenAIError, ValueError) as error:
            result = {"number": number, "error": str(error)}
    out.write(json.dumps(result) + "\n")


async def run(url: str, cases: Path, concurrency: int, out: TextIO, timeout_s: float) -> None:
    with cases.open(newline="") as file:
        numbers = [row["number"] for row in csv.DictReader(file)]
    slot = asyncio.Semaphore(concurrency)
    async with AsyncOpenAI(base_url=url, api_key="none", timeout=timeout_s) as client:
        await asyncio.gather(*(answer(client, slot, number, out) for number in numbers))


def main() -> None:
    parser = argparse.ArgumentParser(description="The same calls as a run, by hand.")
    parser.add_argument("--url", required=True)
    parser.add_argument("--cases", type=Path, required=True, help="a CSV with the column number")
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--timeout-s", type=float, default=120.0)
    options = parser.parse_args()
    with options.out.open("w", encoding="utf-8") as out:
        asyncio.run(run(options.url, options.cases, options.concurrency, out, options.timeout_s))


if __name__ == "__main__":
    main()
