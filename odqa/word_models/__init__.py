"""Neural models over static representations of words: KNRM, DRMM, DSSM, SNRM.

They came before pre-trained Transformers. A word has one vector wherever it stands; what a model
learns is how matches between the words of a question and of a passage make a score, or how the
words of a text make one vector. All of them compute in float32 on every device.
"""
