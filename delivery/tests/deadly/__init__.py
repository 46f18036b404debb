"""A folder for the path of child processes, whose `sitecustomize` makes some mail deadly."""

from pathlib import Path

FOLDER = str(Path(__file__).parent)
