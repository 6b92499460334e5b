"""Runs inside the image: python -m unittest discover -s /tests"""

import json
import tempfile
import unittest
from pathlib import Path

from status.charts import Series, Span, bars, ceiling, lines, series
from status.dashboards import read, series_name
from status.units import duration, known, shown


class Units(unittest.TestCase):
    def test_numbers_are_written_as_people_read_them(self) -> None:
        for value, unit, text in (
            (0, "short", "0"),
            (0.25, "short", "0.25"),
            (1234, "short", "1.23k"),
            (12, "short", "12"),
            (0.5, "percentunit", "50 %"),
            (85, "percent", "85 %"),
            (1536 * 1024**2, "bytes", "1.5 GiB"),
            (512, "bytes", "512 B"),
            (0.0042, "s", "4.2 ms"),
            (0, "s", "0 s"),
            (12.5, "s", "12.5 s"),
            (95, "s", "1 min 35 s"),
            (1234, "s", "21 min"),
            (90061, "s", "1 d 1 h"),
            (12, "reqps", "12/s"),
            (65, "celsius", "65 °C"),
            (210, "watt", "210 W"),
            (1.71e9, "hertz", "1.71 GHz"),
            (float("inf"), "short", "∞"),
            (3, "furlongs", "3 furlongs"),
        ):
            self.assertEqual(shown(value, unit), text)

    def test_an_hour_less_a_second_is_an_hour(self) -> None:
        self.assertEqual(duration(3599), "1 h")

    def test_a_unit_that_is_not_known_can_be_told(self) -> None:
        self.assertTrue(known("percentunit"))
        self.assertFalse(known("furlongs"))


class Scales(unittest.TestCase):
    def test_a_scale_ends_at_the_next_round_number(self) -> None:
        for value, top in ((0.45, 0.5), (1, 1), (1.01, 2), (2.2, 2.5), (37, 50), (99, 100), (101, 200), (0, 1)):
            self.assertAlmostEqual(ceiling(value), top)

    def test_bytes_are_round_in_powers_of_1024(self) -> None:
        self.assertEqual(ceiling(1.2 * 1024**3, 1024), 2 * 1024**3)


class Drawings(unittest.TestCase):
    def test_a_line_goes_from_the_first_value_to_the_last(self) -> None:
        drawn = lines([Series("a", [(0, 0.0), (30, 0.5), (60, 1.0)])], Span(0, 60, 30), "percentunit")
        self.assertEqual(drawn.lines[0].path, "M0.0 100.0L500.0 50.0L1000.0 0.0")
        self.assertEqual(drawn.scale, ["100 %", "50 %", "0 %"])
        line = drawn.lines[0]
        self.assertEqual((line.last, line.low, line.high), ("100 %", "0 %", "100 %"))

    def test_a_gap_in_time_is_a_gap_in_the_line(self) -> None:
        drawn = lines([Series("a", [(0, 1.0), (10, 1.0), (50, 1.0), (60, 1.0)])], Span(0, 60, 10), "short")
        self.assertEqual(drawn.lines[0].path.count("M"), 2)

    def test_a_value_by_itself_is_a_dot(self) -> None:
        drawn = lines([Series("a", [(30, 1.0)])], Span(0, 60, 10), "short")
        self.assertEqual(drawn.lines[0].path, "M500.0 0.0h0")

    def test_no_more_lines_are_drawn_than_can_be_told_apart(self) -> None:
        drawn = lines([Series(str(number), [(0, float(number))]) for number in range(11)], Span(0, 60, 10), "short")
        self.assertEqual([line.name for line in drawn.lines], ["10", "9", "8", "7", "6", "5", "4", "3"])
        self.assertEqual(drawn.more, 3)

    def test_what_is_no_number_is_left_out(self) -> None:
        found = series("a", {"values": [[0, "NaN"], [10, "2"], [20, "+Inf"]]})
        self.assertEqual(found.points, [(10.0, 2.0)])

    def test_negative_values_are_below_the_line_of_zero(self) -> None:
        drawn = lines([Series("a", [(0, -1.0), (60, 1.0)])], Span(0, 60, 60), "short")
        self.assertEqual(drawn.scale, ["1", "0", "-1"])
        self.assertEqual(drawn.lines[0].path, "M0.0 100.0L1000.0 0.0")

    def test_a_series_that_has_ended_has_no_value_now(self) -> None:
        found = [Series("ended", [(0, 9.0), (10, 9.0)]), Series("lives", [(0, 1.0), (60, 1.0)])]
        drawn = lines(found, Span(0, 60, 10), "short")
        self.assertEqual(
            [(line.name, line.last, line.high) for line in drawn.lines], [("lives", "1", "1"), ("ended", "none", "9")]
        )

    def test_an_axis_ends_at_the_whole_if_nothing_is_above_it(self) -> None:
        for value, top in ((0.1, "100 %"), (1.2, "200 %")):
            drawn = lines([Series("a", [(60, value)])], Span(0, 60, 10), "percentunit", whole=1)
            self.assertEqual(drawn.scale[0], top)

    def test_bars_are_parts_of_the_whole_or_of_the_largest(self) -> None:
        found = [Series("small", [(0, 1.0)]), Series("large", [(0, 4.0)])]
        self.assertEqual(
            [(bar.name, bar.part) for bar in bars(found, None, "short")], [("large", 1000), ("small", 250)]
        )
        self.assertEqual([bar.part for bar in bars(found, 8, "short")], [500, 125])
        self.assertEqual([bar.part for bar in bars([Series("none", [(0, 0.0)])], None, "short")], [0])


class Dashboards(unittest.TestCase):
    def test_a_series_is_called_as_grafana_would_call_it(self) -> None:
        labels = {"namespace": "vision", "__name__": "up", "job": "serving"}
        self.assertEqual(series_name("{{namespace}}/{{ job }}", labels), "vision/serving")
        self.assertEqual(series_name("{{missing}}", labels), "")
        self.assertEqual(series_name("", labels), "job=serving, namespace=vision")
        self.assertEqual(series_name("", {}), "value")

    def test_the_overview_comes_first_and_the_others_by_title(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for uid, title in (("b", "Teams"), ("c-overview", "Platform"), ("a", "GPUs")):
            (folder / f"{uid}.json").write_text(json.dumps({"uid": uid, "title": title, "panels": []}))
        self.assertEqual([each.title for each in read(folder)], ["Platform", "GPUs", "Teams"])


if __name__ == "__main__":
    unittest.main()
