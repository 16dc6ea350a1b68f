"""Ranking base models without finetuning them: from features that are computed once."""
