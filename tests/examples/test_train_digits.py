"""What the Kubeflow SDK makes of the example, and what the example says when it cannot go on."""

from __future__ import annotations

import ast
import builtins
import dis
import importlib.util
import os
import stat
import subprocess
import sys
import warnings
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest
import yaml
from kubernetes.client import ApiException

from tools.paths import REPO

EXAMPLE = REPO / "docs" / "examples" / "train_digits.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_digits", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # inspect.getsource looks here
    with warnings.catch_warnings():
        # kubeflow 0.5.0 describes its settings in pydantic's old way.
        warnings.simplefilter("ignore", DeprecationWarning)
        spec.loader.exec_module(module)
    return module


def command(example: ModuleType, arguments: dict[str, Any]) -> list[str]:
    """What the SDK would have a pod of a JAX runtime run."""
    from kubeflow.trainer.backends.kubernetes import utils  # noqa: PLC0415
    from kubeflow.trainer.constants.constants import DEFAULT_COMMAND  # noqa: PLC0415
    from kubeflow.trainer.types import types  # noqa: PLC0415

    trainer = types.RuntimeTrainer(types.TrainerType.CUSTOM_TRAINER, framework="jax", image="any")
    trainer.set_command(DEFAULT_COMMAND)
    kind = types.RuntimeKind.CLUSTER_TRAINING_RUNTIME
    runtime = types.Runtime(name="jax-distributed", kind=kind, trainer=trainer)
    made: list[str] = utils.get_command_using_train_func(
        runtime, example.train_digits, arguments, [], None
    )
    return made


def test_what_reaches_the_pod_is_what_was_written(example: ModuleType, tmp_path: Path) -> None:
    """The SDK passes source and arguments through an unquoted here-document of bash."""
    arguments = {
        "model_code": example.MODEL_CODE.read_text(),
        "model": "digits",
        "see": "http://localhost:5050",
        "settings": {"epochs": 20, "rate": 0.1},
    }
    # Python takes the place of the pod's, and compiles the file instead of running it.
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -m py_compile "$@"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    made = command(example, arguments)
    subprocess.run(made, cwd=tmp_path, env={**os.environ, "PATH": path}, check=True)

    function, call = ast.parse((tmp_path / "train_digits.py").read_text()).body
    assert isinstance(call, ast.Expr)
    assert isinstance(call.value, ast.Call)
    (unpacked,) = call.value.keywords
    assert ast.literal_eval(unpacked.value) == arguments
    here = next(
        node
        for node in ast.parse(EXAMPLE.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == "train_digits"
    )
    assert ast.dump(function) == ast.dump(here)


def global_names(code: CodeType) -> set[str]:
    inner = [c for c in code.co_consts if isinstance(c, CodeType)]
    own = {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
    return own.union(*map(global_names, inner))


def test_the_training_function_brings_its_own_imports(example: ModuleType) -> None:
    """It runs alone: a name of the example's module would be missing in the pod."""
    assert global_names(example.train_digits.__code__) <= set(vars(builtins))


@pytest.mark.parametrize(
    ("body", "cause"),
    [('{"message": "no queue"}', "no queue"), ("<html>", "403 Forbidden"), (None, "403 Forbidden")],
)
def test_the_cause_is_what_the_cluster_said(
    example: ModuleType, body: str | None, cause: str
) -> None:
    refused = ApiException(status=403, reason="Forbidden")
    refused.body = body
    error = RuntimeError("Failed to create TrainJob")
    error.__cause__ = refused
    assert example.cause(error) == cause


def test_without_a_cluster_it_says_so(tmp_path: Path) -> None:
    environment = {**os.environ, "KUBECONFIG": str(tmp_path / "none"), "HOME": str(tmp_path)}
    environment.pop("KUBERNETES_SERVICE_HOST", None)
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "no cluster" in done.stderr
    assert "make up" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cluster_that_does_not_answer_is_named(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    name = {"cluster": "gone", "user": "nobody"}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "gone",
        "contexts": [{"name": "gone", "context": name}],
        # Nothing listens on the port of tcpmux.
        "clusters": [{"name": "gone", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "nobody", "user": {}}],
    }
    kubeconfig.write_text(yaml.safe_dump(content))
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Connection refused" in done.stderr
    assert "Traceback" not in done.stderr
