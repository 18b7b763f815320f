from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from horngate.errors import EngineStuck
from horngate.inference import Inference
from horngate.lifecycle.watchdog import Watchdog
from tests.unit.batching.doubles import DOUBLING, ManualClock
from tests.unit.lifecycle.house import House


def test_a_stuck_model_is_not_ready_and_others_are(tmp_path: Path) -> None:
    house = House(tmp_path)
    for model in ("stuck", "other"):
        house.write(model, 1)
    house.look()
    engine = Inference(house.repository, house.control, ManualClock())
    watchdog = Watchdog(house.repository, 10)
    changes: list[tuple[bool, bool]] = []
    engine.on_change(lambda: changes.append((engine.ready("stuck"), engine.ready("other"))))
    scheduler = house.repository.find("stuck", None).scheduler
    clock = scheduler._clock
    assert isinstance(clock, ManualClock)

    def during() -> None:
        watchdog.look()
        assert engine.ready("stuck")
        clock.now += 11
        watchdog.look()
        watchdog.look()

    house.servables["stuck", 1].during = during
    work = scheduler.submit(DOUBLING, {"x": np.ones((1, 1), np.float32)}, 1, None)
    house.executors["stuck", 1].run_all()
    with pytest.raises(EngineStuck):
        work.result()
    assert changes == [(False, True)]
    watchdog.look()
    assert changes == [(False, True), (True, True)]
    assert engine.ready()
