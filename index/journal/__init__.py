"""What became of every build: written by the build itself, read by whoever asks."""

from index.journal.builds import FOLDER, Build, BuildState, StageProgress
from index.journal.journal import KEPT, Journal
from index.journal.recorder import Recorder

__all__ = ["FOLDER", "KEPT", "Build", "BuildState", "Journal", "Recorder", "StageProgress"]
