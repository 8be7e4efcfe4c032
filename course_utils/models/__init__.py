"""One file per model: its configuration, the model, its loss."""
