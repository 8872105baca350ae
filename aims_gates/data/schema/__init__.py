"""How the text of a file becomes values: as a schema declares it, or as the text itself leaves no doubt."""
