"""Small base models built in place: a byte-level BPE tokenizer and a Llama pretrained on a corpus."""
