"""Does what the declaration says is done while an alert fires."""
