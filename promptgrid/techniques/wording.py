"""The texts that techniques add to a prompt, by language."""

from __future__ import annotations

from collections.abc import Mapping

from promptgrid.prompt import Prompt

WORDING: Mapping[str, Mapping[str, str]] = {
    "en": {
        "reason": 'Think step by step. Then give the final answer alone on a last line that starts with "{marker}".',
        "marker": "Answer:",
        "plan_and_solve": (
            "First understand the task and devise a plan to solve it. Then carry out the plan step by step. Give the"
            ' final answer alone on a last line that starts with "{marker}".'
        ),
        "draft": (
            "Think step by step, but keep only a minimum draft of each step, of five words at most. Then give the final"
            ' answer alone on a last line that starts with "{marker}".'
        ),
        "critique": (
            "Check your reply. Name each mistake in it and how to correct it. If there is none, say only {stop}."
        ),
        "refine_stop": "CORRECT",
        "refine": (
            "Write your reply again, corrected by this critique:\n\n{critique}\n\nThink step by step. Then give the"
            ' final answer alone on a last line that starts with "{marker}".'
        ),
        "examples_title": "Examples",
        "question_title": "Now the task",
    },
    "zh": {
        "reason": "请一步一步地思考，最后另起一行，以“{marker}”开头，只写最终答案。",
        "marker": "答案：",
        "plan_and_solve": (
            "请先理解任务并制定解决计划，再按计划一步一步地完成，最后另起一行，以“{marker}”开头，只写最终答案。"
        ),
        "draft": "请一步一步地思考，但每一步只写不超过五个词的草稿，最后另起一行，以“{marker}”开头，只写最终答案。",
        "critique": "请检查你的回答，指出每一处错误以及如何改正。如果没有错误，只回答“{stop}”。",
        "refine_stop": "完全正确",
        "refine": (
            "请根据下面的意见改写你的回答：\n\n{critique}\n\n"
            "请一步一步地思考，最后另起一行，以“{marker}”开头，只写最终答案。"
        ),
        "examples_title": "示例",
        "question_title": "现在的任务",
    },
}
"""The texts that techniques add to a prompt, by language and name. A prompt's own `wording` overrides single texts."""


def wording(prompt: Prompt, name: str) -> str:
    """Returns the text that a technique adds under this `name`: the prompt's own wording, else the text of `WORDING` in
    the prompt's language, else in English."""
    own = prompt.wording.get(name)
    return own if own is not None else WORDING.get(prompt.language, WORDING["en"])[name]
