"""What a piece of work takes from the machine: time, memory, energy; measured, never estimated."""
