"""The only code that provokes anything: scratch objects of its own, always cleaned up."""
