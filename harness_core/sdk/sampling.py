"""A sample of a dataset version that an ingest plugin has just written: the same rows every time, and the reading says so.

Row ``i`` (from 0) is kept when the ``i``-th output of SplitMix64 started from the seed is below ``fraction`` times 2^64 (Steele,
Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014): each row by itself and with the same probability, so
that the number of rows varies a little around ``fraction`` times all. The order of the rows stays; they are numbered anew from 0.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy
    import pyarrow

METHOD = "each row by SplitMix64 of its number"
ROW_GROUP = 122_880
BATCH_ROWS = 65_536
GAMMA, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
WORD = 1 << 64


def chosen(start: int, count: int, fraction: float, seed: int) -> "numpy.ndarray[Any, Any]":
    """Which of the rows from ``start`` on, ``count`` of them, are in the sample; booleans."""
    import numpy

    with numpy.errstate(over="ignore"):
        state = numpy.arange(start + 1, start + count + 1, dtype=numpy.uint64) * numpy.uint64(GAMMA) + numpy.uint64(seed % WORD)
        state = (state ^ (state >> numpy.uint64(30))) * numpy.uint64(FIRST)
        state = (state ^ (state >> numpy.uint64(27))) * numpy.uint64(SECOND)
        state ^= state >> numpy.uint64(31)
    return state < numpy.uint64(min(int(fraction * WORD), WORD - 1))


def sample_seed(asked: Mapping[str, Any], input_sha256: str) -> int:
    """The seed of the run; where that is 0, the file's hash, so that the same file gives the same sample whatever the settings."""
    return int(asked["seed"]) or int(input_sha256[:15], 16)


def take_sample(folder: Path, declared: dict[str, Any], asked: Mapping[str, Any]) -> None:
    """Put a sample in the place of the Parquet in ``folder``, and tell of it in ``declared``. It streams."""
    import pyarrow
    import pyarrow.parquet

    fraction, seed = float(asked["fraction"]), sample_seed(asked, str(declared["input_sha256"]))
    path, beside = folder / "data.parquet", folder / "sample.parquet"
    done = kept = 0
    with (
        pyarrow.parquet.ParquetFile(path, pre_buffer=False) as file,
        pyarrow.parquet.ParquetWriter(beside, file.schema_arrow, compression="zstd", compression_level=1) as writer,
    ):
        waiting: list[pyarrow.RecordBatch] = []
        for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
            waiting.append(batch.filter(pyarrow.array(chosen(done, batch.num_rows, fraction, seed))))
            done += batch.num_rows
            kept += waiting[-1].num_rows
            if sum(item.num_rows for item in waiting) >= ROW_GROUP:
                waiting = _written(writer, waiting, file.schema_arrow)
        _written(writer, waiting, file.schema_arrow)
    beside.replace(path)
    facts = {"sample_fraction": fraction, "sample_method": METHOD, "sample_seed": seed, "sample_rows_total": done}
    declared["reading"], declared["row_count"] = {**declared["reading"], **facts}, kept


def _written(
    writer: "pyarrow.parquet.ParquetWriter", batches: "list[pyarrow.RecordBatch]", schema: "pyarrow.Schema"
) -> "list[pyarrow.RecordBatch]":
    import pyarrow

    if batches:
        writer.write_table(pyarrow.Table.from_batches(batches, schema), row_group_size=ROW_GROUP)
    return []
