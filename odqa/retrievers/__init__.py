"""Find passages for questions in the whole corpus: one file per retriever."""
