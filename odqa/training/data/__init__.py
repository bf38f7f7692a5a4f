"""What is trained on: labelled questions, hard negatives, training instances, batches."""
