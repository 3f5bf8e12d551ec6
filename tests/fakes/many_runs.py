"""Thousands of runs at once, made from one that is there: for what must stay fast when a database has grown."""

from harness_core.bootstrap import Core

STEP_S = 60.0


def copy_run(core: Core, run_id: str, number: int) -> None:
    """``number`` older copies of a run, a minute apart, in states that take turns; executions and events are not copied."""
    with core.database.engine.begin() as connection:
        columns = [row[1] for row in connection.exec_driver_sql("PRAGMA table_info(run)")]
        changed = {
            "run_id": "'run_copy_' || printf('%06d', n.i)",
            "created_at": f"run.created_at - n.i * {STEP_S}",
            "filename": "'orders_' || n.i || '.csv'",
            "status": "CASE n.i % 4 WHEN 0 THEN 'PARTIAL' WHEN 1 THEN 'FAILED' ELSE 'COMPLETED' END",
            "idempotency_key": "NULL",
        }
        chosen = ", ".join(changed.get(name, f"run.{name}") for name in columns)
        connection.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            f"INSERT INTO run ({', '.join(columns)}) SELECT {chosen} FROM n, run WHERE run.run_id = ?",
            (number, run_id),
        )
