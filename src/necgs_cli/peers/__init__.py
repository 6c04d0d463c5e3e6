"""Other ways to compress a mesh, to hold a set against: each codes every model on its own, positions and triangles.

Light to import: the tools themselves are looked for when they are used.
"""

PEERS = {
    "draco": "Draco, all triangles, several quantisations",
    "qem-draco": "quadric decimation to many sizes, then Draco",
    "gpcc": "MPEG's G-PCC reference encoder (tmc3), octree geometry of a point cloud",
}
