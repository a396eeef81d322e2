"""Measures the pipeline on labelled data."""
