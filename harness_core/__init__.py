"""The core of Statistic Harness: all meaning, no way in."""

__version__ = "1.0.0"
