// Counts rows into summaries as docs/summary-format.md says. Standard input: one JSON document a
// line, {"make": "column" | "distinct" | "scores", "grid": hex, …rows}. Standard output: hex.
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";

const TWO62 = 1n << 62n;
const MASK = (1n << 64n) - 1n;

class Reader {
  constructor(bytes) { this.bytes = bytes; this.at = 0; }
  take(n) { this.at += n; return this.bytes.subarray(this.at - n, this.at); }
  u8() { return this.take(1).readUInt8(); }
  u16() { return this.take(2).readUInt16LE(); }
  u32() { return this.take(4).readUInt32LE(); }
  i32() { return this.take(4).readInt32LE(); }
  i64() { return this.take(8).readBigInt64LE(); }
  f64() { return this.take(8).readDoubleLE(); }
  text() { return this.take(this.u32()).toString("utf8"); }
}

const pack = (size, method, value) => {
  const out = Buffer.alloc(size);
  out[method](value);
  return out;
};
const u8 = (v) => pack(1, "writeUInt8", v);
const u16 = (v) => pack(2, "writeUInt16LE", v);
const u32 = (v) => pack(4, "writeUInt32LE", v);
const u64 = (v) => pack(8, "writeBigUInt64LE", BigInt(v));
const f64 = (v) => pack(8, "writeDoubleLE", v);
const i128 = (v) => Buffer.concat([u64(v & MASK), u64((v >> 64n) & MASK)]);
const blob = (b) => Buffer.concat([u32(b.length), b]);
const text = (s) => blob(Buffer.from(s, "utf8"));

function varint(value) {
  const out = [];
  let rest = BigInt(value);
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    out.push(rest ? low | 128 : low);
  } while (rest);
  return Buffer.from(out);
}

function counts(cells) {
  const filled = [...cells.keys()].sort((a, b) => a - b);
  const gaps = filled.map((cell, i) => varint(cell - (i ? filled[i - 1] + 1 : 0)));
  return Buffer.concat([
    u32(filled.length), ...gaps, ...filled.map((cell) => varint(cells.get(cell))),
  ]);
}

const KINDS = ["numeric", "integer", "categorical", "boolean", "datetime", "score"];

function readGrid(bytes) {
  const r = new Reader(bytes);
  if (r.take(4).toString() !== "SWGR" || r.u16() !== 1) throw new Error("not a grid");
  const grid = {
    kind: KINDS[r.u8()], centre: r.f64(), scale: r.f64(), low: r.i32(), high: r.i32(),
    bits: r.u8(), origin: r.i64(), shift: BigInt(r.u8()), bins: BigInt(r.u32()),
  };
  grid.atoms = Array.from({ length: r.u32() }, () => r.f64());
  grid.categories = Array.from({ length: r.u32() }, () => r.text());
  grid.half = (grid.high - grid.low + 1) * 2 ** grid.bits;
  return grid;
}

function key(grid, v) {
  const shifted = f64(v).readBigUInt64LE() >> BigInt(52 - grid.bits);
  const found = Number(shifted) - ((grid.low + 1023) * 2 ** grid.bits - 1);
  return Math.min(Math.max(found, 0), grid.half + 1);
}

const held = (x, low, high) => (x < low ? low : x > high ? high : x);

function whole(x) {
  if (typeof x === "bigint") return held(x, -(1n << 63n), (1n << 63n) - 1n);
  if (!Number.isFinite(x)) return x > 0 ? TWO62 : -TWO62;
  return held(BigInt(Math.floor(x)), -TWO62, TWO62);
}

function binOf(grid, x) {
  if (grid.kind === "integer" || grid.kind === "datetime") {
    const top = grid.origin + (grid.bins << grid.shift);
    const inside = held(whole(x), grid.origin - 1n, top) - grid.origin;
    return Number(held((inside >> grid.shift) + 1n, 0n, grid.bins + 1n));
  }
  const v = Number(x);
  if (grid.kind === "score") {
    if (v < 0) return 0;
    if (v > 1) return 2 * grid.half + 4;
    return v < 0.5 ? key(grid, Math.abs(v)) + 1 : 2 * grid.half + 3 - key(grid, 1 - v);
  }
  const u = (v - grid.centre) * (1 / grid.scale);
  const signed = u < 0 || Object.is(u, -0) ? -1 : 1;
  return grid.half + 1 + signed * key(grid, Math.abs(u));
}

function cellOf(grid, x) {
  const v = Number(x);
  const split = grid.atoms.filter((a) => a < v).length + grid.atoms.filter((a) => a <= v).length;
  return binOf(grid, x) + split;
}

function halfEven(v) {
  if (Math.abs(v) >= 2 ** 52) return v;
  const low = Math.floor(v);
  const rest = v - low;
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
}

function scaled(grid, x) {
  if (typeof x === "bigint" && (grid.kind === "integer" || grid.kind === "datetime"))
    return Number(held(x, -TWO62, TWO62) - grid.origin) * (1 / grid.scale);
  return (Number(x) - grid.centre) * (1 / grid.scale);
}

const sha = (s) => createHash("sha256").update(s, "utf8").digest();
const add = (map, k, n = 1n) => map.set(k, (map.get(k) ?? 0n) + n);

function column(gridBytes, rows) {
  const grid = readGrid(gridBytes);
  const cells = new Map();
  const strange = new Map();
  const ordered = grid.kind !== "categorical" && grid.kind !== "boolean";
  let [missing, low, high, total, squares, clipped] = [0n, Infinity, -Infinity, 0n, 0n, 0n];
  for (const x of rows) {
    if (x === null || Number.isNaN(x)) { missing += 1n; continue; }
    if (!ordered) {
      const at = grid.categories.indexOf(x);
      add(cells, at < 0 ? grid.categories.length : at);
      if (at < 0) add(strange, x);
      continue;
    }
    add(cells, cellOf(grid, x));
    low = Math.min(low, Number(x));
    high = Math.max(high, Number(x));
    const q = halfEven(scaled(grid, x));
    if (Math.abs(q) > 2 ** 20) clipped += 1n;
    const kept = BigInt(held(q, -(2 ** 20), 2 ** 20));
    total += kept;
    squares += kept * kept;
  }
  const others = [...strange].map(([name, n]) => [sha(name), name, n])
    .sort((a, b) => Buffer.compare(a[0], b[0])).slice(0, 64);
  return Buffer.concat([
    Buffer.from("SWCS"), u16(1), blob(gridBytes), u64(missing), f64(low + 0), f64(high + 0),
    i128(total), i128(squares), u64(clipped), counts(cells), u32(others.length),
    ...others.flatMap(([, name, n]) => [text(name), u64(n)]),
  ]);
}

function mixed(bits) {
  let z = (bits + 0x9e3779b97f4a7c15n) & MASK;
  z ^= z >> 30n;
  z = (z * 0xbf58476d1ce4e5b9n) & MASK;
  z ^= z >> 27n;
  z = (z * 0x94d049bb133111ebn) & MASK;
  return z ^ (z >> 31n);
}

function hash(grid, x) {
  if (typeof x === "string") return sha(x).readBigUInt64LE();
  if (grid.kind === "integer" || grid.kind === "datetime") return mixed(BigInt.asUintN(64, whole(x)));
  return mixed(f64(Number(x) + 0).readBigUInt64LE());
}

function distinct(gridBytes, rows) {
  const grid = readGrid(gridBytes);
  const registers = new Map();
  for (const x of rows) {
    if (x === null || Number.isNaN(x)) continue;
    const h = hash(grid, x);
    const at = Number(h >> 52n);
    const rest = h & ((1n << 52n) - 1n);
    const rank = 53 - (rest ? rest.toString(2).length : 0);
    registers.set(at, Math.max(rank, registers.get(at) ?? 0));
  }
  const used = [...registers.keys()].sort((a, b) => a - b);
  const body = 3 * used.length < 4096
    ? used.flatMap((at) => [u16(at), u8(registers.get(at))])
    : Array.from({ length: 4096 }, (_, at) => u8(registers.get(at) ?? 0));
  return Buffer.concat([Buffer.from("SWHL"), u16(1), u8(12), u16(used.length), ...body]);
}

function scores(gridBytes, rows, names) {
  const grid = readGrid(gridBytes);
  const three = () => [new Map(), new Map(), new Map()];
  const all = three();
  const families = names.map(() => new Map());
  let missing = 0n;
  for (const [score, label, ...groups] of rows) {
    if (score === null || Number.isNaN(score)) { missing += 1n; continue; }
    const row = label === null ? 2 : Number(label);
    add(all[row], cellOf(grid, score));
    groups.forEach((group, i) => {
      const name = group ?? "(missing)";
      if (!families[i].has(name)) families[i].set(name, three());
      add(families[i].get(name)[row], cellOf(grid, score));
    });
  }
  return Buffer.concat([
    Buffer.from("SWSS"), u16(1), blob(gridBytes), u64(missing), ...all.map(counts), u32(names.length),
    ...names.flatMap((name, i) => [
      u32(1), text(name), u32(families[i].size),
      ...[...families[i].keys()].sort().flatMap((group) => [
        text(group), ...families[i].get(group).map(counts),
      ]),
    ]),
  ]);
}

// JSON has no NaN, infinities, −0 or 64-bit integers: {"f": "…"} and {"i": "…"} stand for them.
const number = { nan: NaN, inf: Infinity, "-inf": -Infinity };
function plain(_, value) {
  if (value && typeof value === "object" && "f" in value) return number[value.f] ?? Number(value.f);
  if (value && typeof value === "object" && "i" in value) return BigInt(value.i);
  return value;
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line, plain);
  const grid = Buffer.from(asked.grid, "hex");
  const made = { column, distinct, scores }[asked.make](grid, asked.rows, asked.groups);
  console.log(made.toString("hex"));
}
