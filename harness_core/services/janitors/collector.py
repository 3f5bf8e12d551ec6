"""The collector: what nobody needs any more goes by itself, now and then, by one of the workers for all of them."""

from harness_core.ports.store import Store
from harness_core.ports.world import Blobs
from harness_core.services.collecting import Collecting, Sweep
from harness_core.services.janitors.pruner import prune


def collect(collecting: Collecting, store: Store, blobs: Blobs, every_s: float) -> Sweep | None:
    """Prune and collect, unless some worker has done so within ``every_s``; None where it is nobody's turn."""
    if not collecting.take_turn(every_s):
        return None
    prune(store, blobs)
    return collecting.collect()
