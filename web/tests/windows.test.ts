import { expect, test } from "vitest";
import fixtures from "../fixtures/windows.json";
import { tensor } from "../src/model/tensor";
import type { Step } from "../src/model/contract";
import { onGrid, receptiveField } from "../src/windows/geometry";
import { computationOf, type Computed } from "../src/windows/window";

interface Plain {
  shape: number[];
  data: number[];
}

interface Told {
  layer: string;
  cell: number[];
  total: number;
  sees: number[];
  [field: string]: unknown;
}

const tensors = (from: Record<string, Plain>) =>
  new Map(Object.entries(from).map(([name, plain]) => [name, tensor(plain.shape, plain.data)]));

const cases = fixtures.flatMap((fixture) => {
  const rows = new Map(fixture.rows.map((row) => [row.name, row as unknown as Step]));
  const computed: Computed = {
    rows,
    weights: tensors(fixture.weights as unknown as Record<string, Plain>),
    layers: tensors(fixture.layers as unknown as Record<string, Plain>),
    normalised: tensor(fixture.image.shape, fixture.image.data),
  };
  return (fixture.steps as unknown as Told[]).map((told) => [`${told.layer} ${told.cell}`, computed, told] as const);
});

function same(found: ArrayLike<number>, expected: (number | null)[]): void {
  expect(found.length).toBe(expected.length);
  expected.forEach((value, i) => {
    if (value === null) expect(found[i]).toBeNaN();
    else expect(found[i]).toBeCloseTo(value, 5);
  });
}

test.each(cases)("%s is computed as the reference engine computes it", (_, computed, told) => {
  const step = computationOf(computed, told.layer, told.cell);
  expect(step.total).toBeCloseTo(told.total, 5);
  switch (step.family) {
    case "correlation":
      expect(step.channels).toEqual(told["channels"]);
      expect(step.rows).toEqual(told["rows"]);
      expect(step.columns).toEqual(told["columns"]);
      same(step.patch, told["patch"] as number[]);
      same(step.kernel, told["kernel"] as number[]);
      same(step.products, told["products"] as number[]);
      same(step.channelSums, told["channel_sums"] as number[]);
      if (told["bias"] === null) expect(step.bias).toBeNull();
      else expect(step.bias).toBeCloseTo(told["bias"] as number, 5);
      break;
    case "pooling": {
      same(step.patch, told["patch"] as number[]);
      const wide = step.columns.length;
      const winner =
        step.winner === null
          ? undefined
          : [step.rows[Math.floor(step.winner / wide)], step.columns[step.winner % wide]];
      expect(winner).toEqual(told["winner"]);
      break;
    }
    case "weighted-sum":
      same(step.products, told["products"] as number[]);
      expect(step.maps ?? undefined).toEqual(told["maps"]);
      break;
    case "addition":
      same(step.addends, told["addends"] as number[]);
      break;
    case "flattening":
    case "pointwise": {
      expect(step.source).toEqual(told["source"]);
      expect(step.value).toBeCloseTo(told["value"] as number, 5);
      const constants = told["constants"] as Record<string, number>;
      for (const [name, value] of Object.entries(step.family === "pointwise" ? step.numbers : {})) {
        const own = { running_mean: "mean", running_var: "variance" }[name] ?? name;
        expect(value, name).toBeCloseTo(constants[own]!, 5);
      }
      break;
    }
    case "softmax":
      expect(step.sum).toBeCloseTo((told["constants"] as Record<string, number>)["sum"]!, 5);
  }
});

test.each(cases)("%s sees the pixels that the table says", (_, computed, told) => {
  const row = computed.rows.get(told.layer)!;
  const { firstRow, lastRow, firstColumn, lastColumn } = receptiveField(row, ...onGrid(computed.rows, row, told.cell));
  expect([firstRow, lastRow, firstColumn, lastColumn]).toEqual(told.sees);
});
