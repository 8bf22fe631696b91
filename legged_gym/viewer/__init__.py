"""Looking at robots: in a browser, and in films made without a screen."""
