"""How far a decoded mesh is from its original."""
