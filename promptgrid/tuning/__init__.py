"""Data for fine-tuning: from runs, ratings, votes and conversations to the file of a trainer, checked."""

from promptgrid.tuning.dialects import DIALECTS, TrainingExample, row_of, rows_of
from promptgrid.tuning.file_check import FileFault, FileReport, check_file
from promptgrid.tuning.sources import TrainingSet, of_conversations, of_runs

__all__ = [
    "DIALECTS",
    "FileFault",
    "FileReport",
    "TrainingExample",
    "TrainingSet",
    "check_file",
    "of_conversations",
    "of_runs",
    "row_of",
    "rows_of",
]
