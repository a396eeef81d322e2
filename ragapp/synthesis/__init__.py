"""Evidence to answer: prompt (template, budget) · engines · stream (tokens to text) · cite."""
