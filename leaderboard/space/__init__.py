"""A board on the Hugging Face Hub: a Space that shows the page, and the dataset repositories behind it."""
