"""Every setting, once: a YAML profile, then `NONMUN_...` variables, then options; later wins."""

from rag.settings.groups import (
    AnswerGroup,
    GenerateGroup,
    RerankGroup,
    SearchGroup,
    SimilarGroup,
    WeightsGroup,
)
from rag.settings.loading import Settings, load_settings
from rag.settings.server import ServerGroup

__all__ = [
    "AnswerGroup",
    "GenerateGroup",
    "RerankGroup",
    "SearchGroup",
    "ServerGroup",
    "Settings",
    "SimilarGroup",
    "WeightsGroup",
    "load_settings",
]
