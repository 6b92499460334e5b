"""Trains a classifier of handwritten digits and registers it."""
