"""Recognising the text of pages that are pictures (OCR), in a guarded process of its own."""
