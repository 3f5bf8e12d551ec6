"""The pruner: what the dead left half-done does not stay."""

from harness_core.ports.store import Store
from harness_core.ports.world import Blobs


def prune(store: Store, blobs: Blobs) -> int:
    """Remove every scratch folder and half-received upload that no living process holds; returns how many."""
    return store.drop_abandoned() + blobs.drop_abandoned()
