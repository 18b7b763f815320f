"""Which operations of TensorFlow ONNX Runtime answers alike: probed, and kept as a table."""
