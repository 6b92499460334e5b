"""Serves a registered ONNX model over the Open Inference Protocol, version 2."""
