"""Defines, trains, exports and publishes Keras models.

``publish`` is for any trained model; the rest makes the two reference models.
"""
