"""The page Tune: training files, tunings in progress, and tuned models."""
