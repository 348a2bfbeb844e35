from __future__ import annotations

from components.pods import job, resources, versioned


def test_memory_is_limited_and_cpu_is_not() -> None:
    asked = resources("10m", "64Mi", "1Gi")
    assert asked == {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}}
    assert resources("10m", "64Mi")["limits"] == {"memory": "64Mi"}


def test_the_hash_of_a_configuration_tells_texts_and_their_borders() -> None:
    assert versioned("a", "b") == versioned("a", "b")
    assert versioned("ab") != versioned("a", "b") != versioned("b", "a")


def test_labels_of_a_job_come_on_top_of_those_of_its_addon() -> None:
    made = job("a", "ns", "n", image="i:1", command=["true"], user=7, labels={"queue": "q"})
    assert made["metadata"]["labels"]["queue"] == "q"
    assert made["metadata"]["labels"]["cnai.dev/addon"] == "a"
    assert made["spec"]["template"]["spec"]["securityContext"]["runAsUser"] == 7
