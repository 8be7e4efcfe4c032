"""Parts of models, each equal to its PyTorch twin given the same weights."""
