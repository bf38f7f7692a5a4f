"""Long series of what can go wrong, run by hand; a short version of each is among the tests."""
