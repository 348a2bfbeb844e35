"""The log of a Job as a text: whole, or told to be not whole."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from components.job_log import Told, once, take, told
from components.pods import job
from tests.job_server import job_server

JOB = job("mlflow", "mlflow", "archive-red", image="i", command=["true"], user=1)
LINES = ('{"kind": "run"}', '{"kind": "artifact"}')
WHOLE = "\n".join([*LINES, '{"count": 2}', ""])
VALUES = st.dictionaries(st.text(), st.text() | st.integers(), min_size=2)


@given(st.lists(VALUES), st.lists(st.sampled_from(["", "a warning", "[1]", "{cut", "12"])))
def test_every_line_comes_whatever_is_said_beside_it(
    values: list[dict[str, object]], noise: list[str]
) -> None:
    lines = [json.dumps(value, ensure_ascii=False) for value in values]
    log = "\n".join([*noise, *lines, json.dumps({"count": len(lines)})])
    assert told(log) == Told(tuple(lines))


def test_a_text_without_its_end_says_what_was_said_last() -> None:
    found = told("\n".join([LINES[0], "Traceback", "no such host"]))
    assert found == Told((LINES[0],), "1 lines came: Traceback no such host")


def test_a_text_whose_beginning_is_lost_is_not_whole() -> None:
    assert told('{"kind": "b"}\n{"count": 2}').why == "1 lines came of 2, and no reason"


def test_a_job_is_tried_once() -> None:
    made = once(JOB)
    assert made["spec"]["backoffLimit"] == 0
    assert made["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert JOB["spec"]["backoffLimit"] > 0


def test_a_job_gives_its_lines_and_is_not_left() -> None:
    known = {"namespaces": {"mlflow": "Active"}, "logs": {"archive-red": WHOLE}}
    with job_server(**known) as server:
        assert take(server.kubeconfig, JOB) == Told(LINES)
    assert not server.there


def test_one_that_a_killed_run_left_gives_way() -> None:
    known = {"namespaces": {"mlflow": "Active"}, "logs": {"archive-red": WHOLE}}
    with job_server(**known, there={("mlflow", "archive-red"): {}}) as server:
        assert take(server.kubeconfig, JOB).lines == LINES
        assert len(server.made) == 1


def test_one_of_the_name_in_another_namespace_stays() -> None:
    known = {"namespaces": {"mlflow": "Active"}, "logs": {"archive-red": WHOLE}}
    with job_server(**known, there={("feast", "archive-red"): {}}) as server:
        assert take(server.kubeconfig, JOB).lines == LINES
        assert set(server.there) == {("feast", "archive-red")}


def test_of_an_addon_that_is_not_there_there_is_nothing() -> None:
    with job_server() as server:
        assert take(server.kubeconfig, JOB) == Told()
