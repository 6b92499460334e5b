"""What a pull request would do to each stack: one comment, written by commands that run anywhere."""
