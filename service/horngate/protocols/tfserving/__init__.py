"""TensorFlow Serving's gRPC API: Predict, GetModelMetadata and GetModelStatus."""
