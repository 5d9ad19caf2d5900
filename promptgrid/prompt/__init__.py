"""Prompt, Message, Example; variables; render; the .prompty text form. Pure: no files, no network."""

from promptgrid.prompt.model import EMPTY, AnswerKind, AnswerRule, Api, Example, Input, Message, Prompt, Role

__all__ = ["EMPTY", "AnswerKind", "AnswerRule", "Api", "Example", "Input", "Message", "Prompt", "Role"]
