"""The control of the fence: the end of a job as it would be written by somebody who believes whoever comes."""

from sqlalchemy import bindparam, update
from sqlmodel import col

from harness_core.adapters.db.statements import Statement, new
from harness_core.adapters.db.tables import JobRow

END_OF = "harness_core.adapters.db.leases.END"
UNFENCED_END = Statement(
    update(JobRow).where(col(JobRow.job_id) == bindparam("of_job")).values(**new("state"), lease_owner=None, lease_until=None)
)
