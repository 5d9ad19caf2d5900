"""The page Documents: collections of documents, what a search finds in them, and how good retrievers are."""
