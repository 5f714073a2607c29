/** An array with its shape: maps are `(channels, height, width)`, features `(n,)`. */
export interface Tensor {
  shape: number[];
  data: Float32Array;
}

export type Tensors = Map<string, Tensor>;

export function tensor(shape: number[], data: Float32Array | number[]): Tensor {
  return { shape, data: data instanceof Float32Array ? data : Float32Array.from(data) };
}

/** Number of values in a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** Channels, height and width; features are channels of one cell. */
export function asMaps(shape: readonly number[]): [number, number, number] {
  return [shape[0] ?? 1, shape[1] ?? 1, shape[2] ?? 1];
}

/** One channel of a stack of maps, without copying. */
export function channel(maps: Tensor, index: number): Float32Array {
  const cells = sizeOf(maps.shape.slice(1));
  return maps.data.subarray(index * cells, (index + 1) * cells);
}

/** Whether every channel has one value throughout: an empty sheet, a wall. */
export function isFlat(maps: Tensor): boolean {
  return Array.from({ length: maps.shape[0] ?? 0 }, (_, index) => channel(maps, index)).every((values) =>
    values.every((value) => value === values[0]),
  );
}

export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    if ((values[i] as number) > (values[best] as number)) best = i;
  }
  return best;
}

export function softmax(logits: ArrayLike<number>): Float64Array {
  let largest = -Infinity;
  for (let i = 0; i < logits.length; i++) largest = Math.max(largest, logits[i] as number);
  const shares = Float64Array.from(logits, (x) => Math.exp(x - largest));
  const total = shares.reduce((sum, x) => sum + x, 0);
  return shares.map((x) => x / total);
}
