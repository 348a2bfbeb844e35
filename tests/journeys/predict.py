"""Load a registered model as any consumer would and ask it about digits that it has not seen.

Run with what the training image is made of: predict.py MODEL-URI SEED. Prints JSON.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import json
import sys

import mlflow
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

uri, seed = sys.argv[1], int(sys.argv[2])
_, unseen, _, answers = train_test_split(
    *load_digits(return_X_y=True), test_size=0.2, random_state=seed
)
model = mlflow.pyfunc.load_model(uri)
said = np.asarray(model.predict(unseen))
json.dump(
    {
        "asked": len(answers),
        "accuracy": float((said == answers).mean()),
        "digits": sorted({int(digit) for digit in said}),
        "inputs": model.metadata.signature.inputs.to_dict(),
    },
    sys.stdout,
)
