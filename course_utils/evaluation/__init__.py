"""One file per kind of judgement; every metric is tested against a trusted implementation."""
