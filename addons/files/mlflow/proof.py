"""Writes a run with a metric and an artifact, reads both back, and removes it."""

import tempfile
from pathlib import Path

import mlflow

client = mlflow.MlflowClient()
name = "cnai-proof"
experiment = client.get_experiment_by_name(name)
experiment_id = experiment.experiment_id if experiment else client.create_experiment(name)
run_id = client.create_run(experiment_id).info.run_id
client.log_metric(run_id, "answer", 42.0)
with tempfile.TemporaryDirectory() as folder:
    written = Path(folder, "proof.txt")
    written.write_text("cnai")
    client.log_artifact(run_id, str(written))
    back = Path(client.download_artifacts(run_id, "proof.txt", tempfile.mkdtemp())).read_text()
metric = client.get_run(run_id).data.metrics["answer"]
if (back, metric) != ("cnai", 42.0):
    raise SystemExit(f"read back {back!r} and {metric}")
client.delete_run(run_id)
print("a run, its metric and its artifact came back")
