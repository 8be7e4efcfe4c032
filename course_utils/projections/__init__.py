"""Maps of vectors, PCA, t-SNE and UMAP, and how far each can be trusted."""
