"""Rules of documents: columns, quotations, reviews."""
