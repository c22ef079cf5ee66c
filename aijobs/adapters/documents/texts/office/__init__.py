"""Texts of Office Open XML files: Word documents and PowerPoint presentations."""
