"""Pictures: arrays in, SVG text or a matplotlib Figure out. Never imports torch, never shows or saves."""
