"""Trains a convolutional network on handwritten digits, on a GPU if there is one, and registers it."""
