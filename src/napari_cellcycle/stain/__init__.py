"""What a stained control says of its cells: amounts of stain, histograms, gates."""
