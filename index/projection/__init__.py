"""Where papers lie in a plane, near those that say alike, and what the regions are called."""

from index.projection.drawn import shown
from index.projection.making import Corpus, Known, project
from index.projection.naming import Name
from index.projection.projection import Projection, Topic
from index.projection.vectors import Parts

__all__ = ["Corpus", "Known", "Name", "Parts", "Projection", "Topic", "project", "shown"]
