"""Where the checkout and its entry page are, and the order of the rooms."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
HOME_PAGE = CHECKOUT / "workbench.py"
ORDER = [
    "errors", "text", "compact", "files", "suggestions", "humanize", "progress", "paths", "loop", "budget", "bounded",
    "stats", "prompt", "answers", "techniques", "library", "models", "endpoint", "snippets", "builtin",
    "identities", "connections", "endpoints_file", "tokens", "grading", "cases", "ranking", "fewshot", "grid",
    "store", "calls", "documents", "judging", "runner", "chat", "nextword", "compare", "case_review", "attacks",
    "curves", "export", "tuning", "gate", "arena", "improve", "api", "doctor", "cli", "ui",
]  # fmt: skip
