"""Numpy in, numpy out; never TensorFlow."""
