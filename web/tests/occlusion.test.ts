import { expect, test } from "vitest";
import fixture from "../fixtures/occlusion.json";
import { boxes, occlusion } from "../src/backend/occlusion";
import { tensor } from "../src/model/tensor";

test("occlusion of a linear layer is captum's", async () => {
  const image = tensor(fixture.image.shape, fixture.image.data);
  const size = image.data.length;
  const logitOf = async (images: Float32Array, count: number) =>
    Float64Array.from({ length: count }, (_, i) =>
      fixture.weight.reduce((sum, weight, k) => sum + weight * images[i * size + k]!, fixture.bias),
    );
  const map = await occlusion(image, logitOf);
  fixture.map.forEach((value, i) => expect(map[i]).toBeCloseTo(value, 5));
});

test("windows cover every pixel of any size", () => {
  for (const [height, width] of [[28, 28], [17, 12], [64, 64], [5, 3]] as const) {
    const covered = new Set<number>();
    for (const box of boxes(height, width)) {
      for (let y = box.top; y < box.bottom; y++) {
        for (let x = box.left; x < box.right; x++) covered.add(y * width + x);
      }
    }
    expect(covered.size).toBe(height * width);
  }
});
