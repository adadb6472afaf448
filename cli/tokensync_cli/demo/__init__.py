"""`make demo`: the product's main job from end to end, on this machine."""
