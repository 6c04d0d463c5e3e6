// Numbers as people read them. Sizes are bytes with 1 KB = 1,000 B; what is not known is a dash.

export const UNKNOWN = "–";

export const known = (value) => typeof value === "number" && Number.isFinite(value);

/** 1234 -> "1,234" */
export const count = (value) => (known(value) ? Math.round(value).toLocaleString("en-US") : UNKNOWN);

/** 987 -> "987 B", 12345 -> "12.3 KB" */
export function bytes(value) {
  if (!known(value)) return UNKNOWN;
  let shown = value;
  for (const unit of ["B", "KB", "MB", "GB", "TB"]) {
    if (Math.abs(shown) < 999.5 || unit === "TB") return `${unit === "B" ? Math.round(shown) : significant(shown)} ${unit}`;
    shown /= 1000;
  }
}

/** "1 model", "2 models" */
export const plural = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;

/** `digits` significant digits without an exponent where that is readable: 0.00123, 12.3, 1,230, 1.2e-9 */
export function significant(value, digits = 3) {
  if (!known(value)) return UNKNOWN;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-5 || size >= 1e9) return value.toExponential(digits - 1).replace("e+", "e");
  return Number(value.toPrecision(digits)).toLocaleString("en-US", { maximumSignificantDigits: digits });
}

/** 23.456 -> "23.5 : 1" */
export const ratio = (value) => (known(value) ? `${significant(value, 3)} : 1` : UNKNOWN);

/** A length where the longest side is 2, as a share of the longest side in percent: 0.002 -> 0.1 */
export const percentOfSide = (length) => (known(length) ? length * 50 : null);

/** 0.002 -> "0.100 %" */
export function percent(length) {
  const value = percentOfSide(length);
  if (value === null) return UNKNOWN;
  if (value === 0) return "0 %";
  return `${value >= 1e-3 ? value.toPrecision(3) : significant(value, 3)} %`;
}

/** What an axis says at a tick: as short as it can be. */
export const tick = (value) => (value !== 0 && value < 1e-4 ? value.toExponential(0) : `${Number(value.toPrecision(6))}`);

const KINDS = {
  loop: "Loop surface",
  "loop-creased": "Loop surface with creases",
  triangles: "Triangles",
  "mirrored-loop": "Loop surface, mirrored",
  "mirrored-loop-creased": "Loop surface with creases, mirrored",
  "mirrored-triangles": "Triangles, mirrored",
  posed: "Pose of another model",
  neural: "Neural, sparse decoder",
  "neural-dense": "Neural, dense decoder",
};

/** What a kind of record is called to people. */
export const kindName = (kind) => KINDS[kind] ?? kind ?? "not known";

/** The last part of a path or name. */
export const lastPart = (name) => name.split(/[/\\]/).pop() || name;

/** Text whose invisible and direction-changing characters are shown as escapes, so that no name can pose as another. */
export const printable = (text) =>
  String(text).replace(
    /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
