"""Training. What is learned here is written into a bundle's folder and packed."""
