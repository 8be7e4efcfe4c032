"""The exercises of each lesson, one file a lesson: references, checks, hints and known mistakes."""
