"""The collector: what nobody needs any more goes by itself, now and then, by one of the workers for all of them."""

from harness_core.ports.store import Store
from harness_core.ports.world import Blobs
from harness_core.services.collecting import Collecting, Sweep
from harness_core.services.janitors.pruner import prune
from harness_core.services.resumable import ResumableUploads


def collect(collecting: Collecting, store: Store, blobs: Blobs, resumable: ResumableUploads, every_s: float) -> Sweep | None:
    """Prune, drop expired uploads, and collect, unless a worker has done so within ``every_s``; None where it is nobody's turn."""
    if not collecting.take_turn(every_s):
        return None
    prune(store, blobs)
    resumable.drop_expired()
    return collecting.collect()
