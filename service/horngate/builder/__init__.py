"""Defines, trains, exports and publishes Keras models.

``publish`` is for any trained model; the rest makes the two reference models.

What is published is a SavedModel, so Keras runs on TensorFlow here, whatever ``KERAS_BACKEND`` or
``keras.json`` say: this is imported before any module that imports Keras. Where Keras is there
already on another backend, as in a notebook, ``publish_keras`` sees to it (``backend``).
"""

import os
import sys

import horngate.runtimes as _runtimes  # noqa: F401 - before tf2onnx, which imports ONNX Runtime

if "keras" not in sys.modules:
    os.environ["KERAS_BACKEND"] = "tensorflow"
