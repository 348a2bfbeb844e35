"""Shapes of nodes, after real instance types, for pools that are simulated or planned.

Sources (read 2026-11): the vendors' instance type pages for EC2 P5, P4, G6 and for Compute Engine
A3, A2 and G2. Accelerators are counted per node; memory is in GiB.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """One instance type."""

    cpu: int
    memory_gib: int
    resource: str
    count: int
    product: str
    accelerator_memory_gib: int


NVIDIA = "nvidia.com/gpu"

SHAPES: dict[str, Shape] = {
    "p5.48xlarge": Shape(192, 2048, NVIDIA, 8, "NVIDIA-H100-80GB-HBM3", 80),
    "p5e.48xlarge": Shape(192, 2048, NVIDIA, 8, "NVIDIA-H200", 141),
    "p4d.24xlarge": Shape(96, 1152, NVIDIA, 8, "NVIDIA-A100-SXM4-40GB", 40),
    "g6.xlarge": Shape(4, 16, NVIDIA, 1, "NVIDIA-L4", 24),
    "g6e.12xlarge": Shape(48, 384, NVIDIA, 4, "NVIDIA-L40S", 48),
    "a3-megagpu-8g": Shape(208, 1872, NVIDIA, 8, "NVIDIA-H100-80GB-HBM3", 80),
    "a2-highgpu-1g": Shape(12, 85, NVIDIA, 1, "NVIDIA-A100-SXM4-40GB", 40),
    "g2-standard-4": Shape(4, 16, NVIDIA, 1, "NVIDIA-L4", 24),
}
