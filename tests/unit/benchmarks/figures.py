from __future__ import annotations

from benchmarks.cell import Cell
from benchmarks.load import Load


def cell(subject: str, load: Load, number: int = 1, **figures: float) -> Cell:
    """A measurement whose figures are 1, but for those given."""
    given: dict[str, float] = {"batch_rows": 1.0, **figures}
    names = (
        "requests_per_second",
        "rows_per_second",
        "p50_us",
        "p99_us",
        "cpu_us",
        "cores",
        "batch_rows",
        "run_us",
        "whole_cpu_us",
        "others_cores",
        "peak_mib",
        "errors",
    )
    values = {name: given.get(name, 1.0) for name in names}
    return Cell(round=number, subject=subject, load=load.name, **values)
