"""Documents and retrieval: collections of texts, chunks, retrievers, and measures of what was retrieved.

`reading` extracts the text of a file, `adding` stores the files of a folder, `chunkers` cuts texts into chunks, `index`
holds the chunks of a collection, `retrievers` chooses chunks for a query, `embedders` makes vectors, `measures`
compares chunks with gold: the passages that answer a question. All text of a document is data and never interpreted.
"""
