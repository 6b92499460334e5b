"""Serves a registered GGUF model over the OpenAI API, by llama.cpp's server."""
