from __future__ import annotations

import pytest

from odqa.cli.doctor import _meters
from odqa.meters import energy, memory


def test_doctor_says_what_the_meters_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "counter_names", lambda: "RAPL package-0")
    monkeypatch.setattr(memory, "take_peak", lambda: 1)
    assert _meters().state == "energy: RAPL package-0; memory: resident set at most"
    monkeypatch.setattr(energy, "counter_names", lambda: "")
    monkeypatch.setattr(memory, "take_peak", lambda: None)
    silent = _meters()
    assert silent.state.count("not reported by this machine") == 2
    assert silent.good  # a machine without meters can run everything
