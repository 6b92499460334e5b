"""What is declared about AWS: its settings, what is known about it before anyone asks it, and the rules."""
