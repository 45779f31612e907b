from __future__ import annotations

import math
from pathlib import Path

import pytest

from recoverops.model import MisconfiguredError, NotFoundError
from recoverops.operations.series_file import SeriesFile


def written(tmp_path: Path, text: str) -> SeriesFile:
    path = tmp_path / "series.csv"
    path.write_text(text)
    return SeriesFile(path)


@pytest.mark.parametrize(
    "stamp",
    ["2026-03-01 12:00:00", "2026-03-01T12:00:00Z", "2026-03-01T13:00:00+01:00", "1772366400", "1772366400000"],
)
def test_a_time_may_be_written_in_any_usual_way(tmp_path: Path, stamp: str) -> None:
    [rows] = written(tmp_path, f"timestamp,value\n{stamp},1.5\n").rows()

    assert rows.at.tolist() == [1772366400.0]
    assert rows.stamps == (stamp,)


@pytest.mark.parametrize("text", ["", "NaN", "null"])
def test_a_cell_without_a_value_is_missing_and_not_zero(tmp_path: Path, text: str) -> None:
    [rows] = written(tmp_path, f"timestamp,cpu,memory\n1,{text},7\n").rows()

    assert math.isnan(rows.values[0, 0])
    assert rows.values[0, 1] == 7


def test_rows_come_in_parts_and_blank_lines_do_not_count(tmp_path: Path) -> None:
    file = written(tmp_path, "timestamp,value\n1,1\n\n2,2\n3,3\n")

    assert [rows.values[:, 0].tolist() for rows in file.rows(2)] == [[1, 2], [3]]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ":1: the first line is ''"),
        ("value\n1\n", ":1: the first line is 'value'"),
        ("when,value\n1,1\n", ":1: the first line is 'when,value'"),
        ("timestamp,a,a\n1,1,1\n", ":1: a column name stands twice"),
        ("timestamp,value\n1,1\n\nyesterday,2\n", ":4: timestamp 'yesterday' is neither"),
        ("timestamp,value\nnan,2\n", ":2: timestamp 'nan' is neither"),
        ("timestamp,value\n1,high\n", ":2: value is 'high', expected a number"),
        ("timestamp,value\n1,1,1\n", ":2: 3 columns, expected 2"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_value(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(MisconfiguredError) as refused:
        list(written(tmp_path, text).rows())

    assert f"series.csv{told}" in str(refused.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"nothing\.csv does not exist"):
        SeriesFile(tmp_path / "nothing.csv")
