"""What components note reaches the meters of their thread, and the sums of batches."""

from __future__ import annotations

import threading

from odqa.meters.meter import Meter, Spent
from odqa.meters.usage import Usage, note_count, note_usage, tally


def test_every_open_meter_of_the_thread_gets_it() -> None:
    note_usage(Usage(requests=9))
    with Meter() as outer:
        note_usage(Usage(1, 10, 2, 0.5))
        with Meter() as inner:
            note_usage(Usage(2, 20, 4, 0.25))
        other = threading.Thread(target=note_usage, args=(Usage(requests=9),))
        other.start()
        other.join()
    assert inner.spent.usage == Usage(2, 20, 4, 0.25)
    assert outer.spent.usage == Usage(3, 30, 6, 0.75)


def test_nothing_noted_is_no_usage() -> None:
    with Meter() as meter:
        pass
    assert meter.spent.usage is None
    assert "usage" not in meter.spent.to_dict()


def test_counts_add_up_and_a_zero_stays() -> None:
    with tally() as noted:
        note_count("parse failures", 0)
        note_count("parse failures", 2)
        note_count("abstentions", 0)
    assert noted.usage == Usage(counts={"parse failures": 2, "abstentions": 0})


def test_an_unknown_price_makes_the_whole_unknown() -> None:
    assert (Usage(price=None) + Usage(price=1.0)).price is None


def test_sums_and_files_of_batches_keep_it() -> None:
    usage = Usage(1, 10, 2, None, 1, 0.5, {"x": 1})
    spent = Spent(1.0, usage=usage) + Spent(2.0) + Spent(1.0, usage=usage)
    assert spent.usage == Usage(2, 20, 4, None, 2, 1.0, {"x": 2})
    assert Spent.from_dict(spent.to_dict()) == spent
