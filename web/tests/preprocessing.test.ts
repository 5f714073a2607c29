import { expect, test } from "vitest";
import fixtures from "../fixtures/preprocessing.json";
import type { Preprocessing } from "../src/model/contract";
import { bring, normalise } from "../src/preprocessing/preprocess";
import { roundEven } from "../src/preprocessing/raster";

/** Bytes as the fixtures hold them: plain, or as runs of equal values. */
function unpacked(text: string): Uint8Array {
  const bytes = Uint8Array.from(atob(text.replace("runs:", "")), (letter) => letter.charCodeAt(0));
  if (!text.startsWith("runs:")) return bytes;
  const values: number[] = [];
  for (let i = 0; i < bytes.length; i += 2) {
    for (let k = 0; k < bytes[i]!; k++) values.push(bytes[i + 1]!);
  }
  return Uint8Array.from(values);
}

const named = fixtures.map((one) => {
  const { fit, framing, input } = one.preprocessing;
  return [`${one.width}x${one.height}x${one.channels} to ${input.join("x")} by ${framing} ${fit}`, one] as const;
});

test.each(named)("%s is byte for byte what Python makes of it", (_, one) => {
  const record = one.preprocessing as unknown as Preprocessing;
  const channels = one.channels as 1 | 3;
  const raster = { width: one.width, height: one.height, channels, data: unpacked(one.pixels) };
  const { image, notes } = bring(record, raster);
  expect(Array.from(image)).toEqual(Array.from(unpacked(one.image)));
  expect(notes).toEqual(one.notes);
  const normalised = normalise(record, image).data.filter((_, i) => i % 17 === 0);
  one.normalised.forEach((value, i) => expect(normalised[i]).toBeCloseTo(value, 6));
});

test("halves are rounded to even, as in Python", () => {
  expect([0.5, 1.5, 2.5, 2.4, 2.6].map(roundEven)).toEqual([0, 2, 2, 2, 3]);
});
