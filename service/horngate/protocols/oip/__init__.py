"""The Open Inference Protocol v2, with ModelConfig as Triton's clients need it."""
