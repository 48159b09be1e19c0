"""What a program can check of an assessment without asking a model (analysis standard, 2.4)."""
