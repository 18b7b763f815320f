"""Defines, trains, exports and publishes Keras models."""
