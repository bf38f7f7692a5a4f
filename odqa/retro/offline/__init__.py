"""What is made before a question is known: chunks, neighbour encodings and their stores."""
