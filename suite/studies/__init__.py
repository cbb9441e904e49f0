"""Studies: questions that are asked of many selections or results at once."""
