// Meshes as `scene.py` packs them, and what is needed to draw them.

const COLUMN_BYTES = { position: 2, face: 4 };
const CREASE = Math.cos((35 * Math.PI) / 180); // a corner bent by more is shaded flat, as in `render.py`

/** Undoes zlib. */
export async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * A packed mesh, unpacked.
 * Returns about (the header), grid (Uint16Array, 3 a vertex), faces (Uint32Array, 3 a face) and error
 * (Float32Array in source units, 1 a vertex, or null).
 */
export async function unpackMesh(packed) {
  const bytes = await inflate(packed);
  const headerBytes = new DataView(bytes.buffer).getUint32(0, true);
  const about = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + headerBytes)));
  const { vertices, faces: faceCount, largest_error: largest } = about;
  let at = 4 + headerBytes;
  const column = (length, width) => {
    const values = new Uint32Array(length);
    for (let byte = 0; byte < width; byte++, at += length)
      for (let i = 0; i < length; i++) values[i] |= bytes[at + i] << (8 * byte);
    return values;
  };
  const grid = new Uint16Array(3 * vertices);
  for (let axis = 0; axis < 3; axis++) {
    const steps = column(vertices, COLUMN_BYTES.position);
    for (let i = 0, value = 0; i < vertices; i++) grid[3 * i + axis] = value = (value + steps[i]) & 0xffff;
  }
  const [first, second, third] = [0, 1, 2].map(() => column(faceCount, COLUMN_BYTES.face));
  const faces = new Uint32Array(3 * faceCount);
  for (let i = 0, lowest = 0; i < faceCount; i++) {
    lowest += first[i];
    faces.set([lowest, lowest + second[i], lowest + third[i]], 3 * i);
  }
  const error = largest === null ? null : Float32Array.from(bytes.subarray(at, at + vertices), (q) => largest * (q / 255) ** 2);
  return { about, grid, faces, error };
}

/** The cube that a mesh is drawn in: its bounding box's centre, and half of its longest side, source units. */
export function frameOf({ low, high }) {
  const half = Math.max(...high.map((value, axis) => value - low[axis])) / 2;
  return { centre: low.map((value, axis) => value / 2 + high[axis] / 2), half: half || 1 };
}

/** Positions (Float32Array, 3 a vertex) in a frame where its longest side is 2 and y points up. */
export function positionsIn(frame, mesh, up) {
  const { low, step } = mesh.about;
  const positions = new Float32Array(mesh.grid.length);
  const offset = low.map((value, axis) => (value - frame.centre[axis]) / frame.half);
  const scale = step / frame.half;
  for (let i = 0; i < positions.length; i += 3) {
    const [x, y, z] = offset.map((value, axis) => value + scale * mesh.grid[i + axis]);
    positions.set(up === "z" ? [x, z, -y] : [x, y, z], i);
  }
  return positions;
}

/** Positions and normals of every corner (Float32Array, 9 a face): smooth where the surface is, flat at creases. */
export function corners(positions, faces) {
  const flat = faceNormals(positions, faces);
  const smooth = new Float32Array(positions.length);
  for (let i = 0; i < faces.length; i++)
    for (let axis = 0; axis < 3; axis++) smooth[3 * faces[i] + axis] += flat[3 * Math.floor(i / 3) + axis];
  normalise(smooth);
  normalise(flat);
  const points = new Float32Array(3 * faces.length);
  const normals = new Float32Array(3 * faces.length);
  for (let i = 0; i < faces.length; i++) {
    const vertex = 3 * faces[i];
    const face = 3 * Math.floor(i / 3);
    const straight =
      smooth[vertex] * flat[face] + smooth[vertex + 1] * flat[face + 1] + smooth[vertex + 2] * flat[face + 2] >= CREASE;
    for (let axis = 0; axis < 3; axis++) {
      points[3 * i + axis] = positions[vertex + axis];
      normals[3 * i + axis] = straight ? smooth[vertex + axis] : flat[face + axis];
    }
  }
  return { points, normals };
}

/** The end points of each edge once (Float32Array, 6 an edge). */
export function edges(positions, faces) {
  const keys = new Set();
  const vertices = positions.length / 3;
  for (let i = 0; i < faces.length; i++) {
    const a = faces[i];
    const b = faces[i % 3 === 2 ? i - 2 : i + 1];
    keys.add(Math.min(a, b) * vertices + Math.max(a, b));
  }
  const ends = new Float32Array(6 * keys.size);
  let at = 0;
  for (const key of keys)
    for (const vertex of [Math.floor(key / vertices), key % vertices])
      for (let axis = 0; axis < 3; axis++) ends[at++] = positions[3 * vertex + axis];
  return ends;
}

/** Cross products of the edges (Float32Array, 3 a face): twice the area long. */
function faceNormals(positions, faces) {
  const normals = new Float32Array(faces.length);
  for (let i = 0; i < faces.length; i += 3) {
    const [a, b, c] = [3 * faces[i], 3 * faces[i + 1], 3 * faces[i + 2]];
    const [ux, uy, uz] = [0, 1, 2].map((axis) => positions[b + axis] - positions[a + axis]);
    const [vx, vy, vz] = [0, 1, 2].map((axis) => positions[c + axis] - positions[a + axis]);
    normals[i] = uy * vz - uz * vy;
    normals[i + 1] = uz * vx - ux * vz;
    normals[i + 2] = ux * vy - uy * vx;
  }
  return normals;
}

function normalise(vectors) {
  for (let i = 0; i < vectors.length; i += 3) {
    const length = Math.hypot(vectors[i], vectors[i + 1], vectors[i + 2]) || 1;
    for (let axis = 0; axis < 3; axis++) vectors[i + axis] /= length;
  }
}
