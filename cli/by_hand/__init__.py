"""Changes that people made to the stack's objects, past the declaration: found, and put right by the next update."""
