"""Opens a pool of workers by its settings; an adapter is imported when it is asked for."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from index.batch.base import BatchKind, BatchSettings, Pool
from index.batch.ray_environment import prepare
from index.errors import BatchError


def open_pool(settings: BatchSettings) -> AbstractContextManager[Pool | None]:
    """The workers that the settings name; `None` where the build does all itself.

    Raises:
        BatchError: There are none, or they can't do what this process would.
    """
    if settings.kind is BatchKind.LOCAL:
        return nullcontext()
    prepare(alone=not settings.address)
    try:
        from index.batch.ray import RayPool
    except ModuleNotFoundError as error:
        if error.name not in ("ray", "pyarrow"):
            raise
        raise BatchError(
            "a build on Ray needs the package ray, which is not installed:"
            " pip install 'nonmun[cluster]'"
        ) from None
    return RayPool(settings)
