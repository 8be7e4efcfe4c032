"""Interactive explorers: one widget a file, all on the base in `base.py`."""
