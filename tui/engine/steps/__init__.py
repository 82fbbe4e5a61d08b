"""Samplers that llama.cpp lacks, on its array of candidates with numpy. Imported only when one of them is on."""
