"""One file per source of data; each loader names licence and origin and returns plain Python."""
