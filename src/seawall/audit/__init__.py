"""Audit entries, their Merkle tree, checkpoints and proofs."""
