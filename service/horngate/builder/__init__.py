"""Defines, trains, exports and publishes Keras models.

``publish`` is for any trained model; the rest makes the two reference models.
"""

import horngate.runtimes as _runtimes  # noqa: F401 - before tf2onnx, which imports ONNX Runtime
