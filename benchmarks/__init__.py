"""What emrlite costs, each figure side by side with a peer's: ``python -m benchmarks``."""
