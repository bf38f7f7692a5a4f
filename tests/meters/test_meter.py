from __future__ import annotations

import time

import pytest

from odqa.meters import meter as module
from odqa.meters.meter import NOTHING, Meter, Spent


class Counter:
    name = "test"

    def __init__(self) -> None:
        self.value: float | None = 10.0

    def joules(self) -> float:
        if self.value is None:
            raise OSError("unplugged")
        return self.value


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    counter = Counter()
    monkeypatch.setattr(module, "energy_counters", lambda: (counter,))
    monkeypatch.setattr(module, "counter_names", lambda: counter.name)
    return counter


def test_joules_are_what_the_counter_rose_by(counter: Counter) -> None:
    with Meter() as meter:
        counter.value = 12.5
    assert (meter.spent.joules, meter.spent.counters) == (2.5, "test")


def test_a_counter_that_vanishes_leaves_no_guess(counter: Counter) -> None:
    with Meter() as meter:
        counter.value = None
    assert (meter.spent.joules, meter.spent.counters) == (None, "")


def test_a_machine_without_counters_reports_no_energy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "energy_counters", lambda: ())
    with Meter() as meter:
        time.sleep(0.01)
    assert meter.spent.joules is None and meter.spent.seconds >= 0.01


def test_nested_meters_share_peaks(monkeypatch: pytest.MonkeyPatch) -> None:
    # The kernel's record each time it is taken: before outer, before inner, after inner, after
    # outer.
    marks = iter([9_000, 300, 700, 500])
    monkeypatch.setattr(module, "take_peak", lambda: next(marks))
    with Meter() as outer, Meter() as inner:
        pass
    assert (inner.spent.peak_bytes, outer.spent.peak_bytes) == (700, 700)


def test_an_inner_peak_does_not_hide_that_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    marks = iter([9_000, 800, 700, 500])
    monkeypatch.setattr(module, "take_peak", lambda: next(marks))
    with Meter() as outer, Meter() as inner:
        pass
    assert (inner.spent.peak_bytes, outer.spent.peak_bytes) == (700, 800)


def test_meters_close_when_their_work_fails() -> None:
    with pytest.raises(KeyError), Meter() as meter:
        raise KeyError
    assert meter.spent.seconds > 0 and not module._OPEN


@pytest.mark.parametrize(
    ("a", "b", "total"),
    [
        (NOTHING, Spent(1.0, 5, None, 2.0, "x"), Spent(1.0, 5, None, 2.0, "x")),
        (
            Spent(1.0, 5, 7, 2.0, "x"),
            Spent(2.0, 9, 3, 0.5, "x"),
            Spent(3.0, 9, 7, 2.5, "x"),
        ),
        (Spent(1.0, 5, None, 2.0, "x"), Spent(2.0), Spent(3.0)),
        (Spent(1.0, 5, None, 2.0, "x"), Spent(2.0, 6, None, 1.0, "y"), Spent(3.0, 6)),
    ],
)
def test_sums_are_known_where_both_parts_are(a: Spent, b: Spent, total: Spent) -> None:
    assert a + b == total
    assert b + a == total


def test_plain_values_and_back() -> None:
    spent = Spent(1.5, 5, None, 2.0, "x")
    assert Spent.from_dict({**spent.to_dict(), "rows": []}) == spent
    assert Spent.from_dict({"seconds": 1.5}) == Spent(1.5)
