"""The pages to read, and the code that draws their pictures."""
