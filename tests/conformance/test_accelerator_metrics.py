"""Metrics of each accelerator: how busy it is, and how much of its memory is used."""

from __future__ import annotations

import re

import pytest

from policies.conformance.requirements import Device
from tests.conformance.case import Case
from tests.conformance.prometheus import asking, series, there

pytestmark = [pytest.mark.live, pytest.mark.conformance]
KNOWN = {
    "NVIDIA": ("DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_FB_USED", "UUID"),
    "AMD": ("gpu_gfx_activity", "gpu_used_vram", "gpu_id"),
}
"""By maker: the metrics of use and of memory, and the label that tells devices apart."""
SIMULATED = re.compile(r"simulated", re.IGNORECASE)


def test_each_accelerator_tells_its_use_and_its_memory(case: Case) -> None:
    if not there(case):
        case.not_implemented("nothing collects metrics here; the addon prometheus does")
    case.uses("prometheus")
    for maker, (use, memory, label) in KNOWN.items():
        busy = series(case.kubectl(*asking(use)))
        if not busy:
            continue
        case.device = Device.SIMULATED if SIMULATED.search(str(busy)) else Device.REAL
        used = series(case.kubectl(*asking(memory)))
        devices = [{entry["metric"].get(label) for entry in told} for told in (busy, used)]
        assert None not in devices[0] | devices[1], f"a series has no label {label}"
        assert devices[0] == devices[1], "use and memory are told of different devices"
        for entry in (*busy, *used):
            float(entry["value"][1])
        case.implemented(f"{len(devices[0])} devices of {maker} tell {use} and {memory}")
        return
    case.not_implemented(
        "no device here tells how busy it is: simulated devices do nothing and tell nothing; on"
        " real ones the exporters of nvidia-gpu-operator or amd-gpu-operator do"
    )
