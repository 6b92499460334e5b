"""What the platform consists of: each part of a declaration leads to components. `build` is the table of contents."""
