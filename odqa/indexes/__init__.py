"""What is built once per corpus and searched per question: vectors, tokens, words."""
