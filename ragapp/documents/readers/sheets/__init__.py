"""Sheets of cells: workbooks, and text with separators."""
