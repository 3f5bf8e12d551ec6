"""The pruner: what dead executions left in the scratch folder does not stay there."""

from harness_core.ports.state import Jobs
from harness_core.ports.store import Store


def prune(store: Store, jobs: Jobs) -> int:
    """Remove every scratch folder whose execution nobody holds; returns how many.

    The folders are listed before the leases: one that is made in between belongs to a lease that the second list has.
    """
    names = store.scratches()
    held = jobs.leased_names()
    stale = [name for name in names if name not in held and not name.startswith("inspect_")]
    for name in stale:
        store.drop_scratch(name)
    return len(stale)
