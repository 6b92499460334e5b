"""The declaration of a stack: typed, frozen, strict. `loader` reads a stack file, `model` has its root."""
