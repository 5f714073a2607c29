import { expect, test } from "vitest";
import { readSafetensors, writeBytes } from "../src/model/safetensors";

test("bytes that are written are read back, with their metadata", () => {
  const file = writeBytes("image", [1, 2, 3], Uint8Array.of(0, 1, 2, 253, 254, 255), { method: "occlusion" });
  const { tensors, metadata } = readSafetensors(file.buffer);
  expect(metadata).toEqual({ method: "occlusion" });
  expect(tensors.get("image")).toEqual({ shape: [1, 2, 3], data: Float32Array.of(0, 1, 2, 253, 254, 255) });
});

test("a file that is cut off is refused", () => {
  const file = writeBytes("image", [4], Uint8Array.of(1, 2, 3, 4));
  for (const length of [0, 7, 20, file.length - 1]) {
    expect(() => readSafetensors(file.buffer.slice(0, length))).toThrow();
  }
});
