"""How the trained digits model answers: plain numpy, loaded by MLflow as a pyfunc.

The file travels with the model ("models from code"), so what is stored is readable source and
arrays of numbers, never a pickle.
"""

from __future__ import annotations

from typing import Any

import mlflow
import numpy as np


class DigitsModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # mlflow is not typed
    """A perceptron with one hidden layer: 64 brightnesses (0 to 16) in, one digit (0 to 9) out."""

    def load_context(self, context: Any) -> None:
        """Read the four weight arrays that training stored beside this file."""
        self.weights = dict(np.load(context.artifacts["weights"], allow_pickle=False))

    def predict(self, context: Any, model_input: np.ndarray, params: Any = None) -> np.ndarray:
        """Return the digit of each row of model_input, an array of shape (n, 64)."""
        w = self.weights
        pixels = np.asarray(model_input, dtype=np.float32) / 16
        hidden = np.maximum(pixels @ w["w1"] + w["b1"], 0)
        return np.argmax(hidden @ w["w2"] + w["b2"], axis=1).astype(np.int64)


mlflow.models.set_model(DigitsModel())
