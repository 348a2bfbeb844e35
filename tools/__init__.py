"""Supply: where programs, charts, images and the container engine come from."""
