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
  const steps = new Map(fixture.steps.map((step) => [step.name, step as unknown as Step]));
  const computed: Computed = {
    steps,
    weights: tensors(fixture.weights as unknown as Record<string, Plain>),
    layers: tensors(fixture.layers as unknown as Record<string, Plain>),
    normalised: tensor(fixture.image.shape, fixture.image.data),
  };
  return (fixture.cells as unknown as Told[]).map((told) => [`${told.layer} ${told.cell}`, computed, told] as const);
});

function same(found: ArrayLike<number>, expected: (number | null)[]): void {
  expect(found.length).toBe(expected.length);
  expected.forEach((value, i) => {
    if (value === null) expect(found[i]).toBeNaN();
    else expect(found[i]).toBeCloseTo(value, 5);
  });
}

test.each(cases)("%s is computed as the reference engine computes it", (_, computed, told) => {
  const computation = computationOf(computed, told.layer, told.cell);
  expect(computation.total).toBeCloseTo(told.total, 5);
  switch (computation.family) {
    case "correlation":
      expect(computation.channels).toEqual(told["channels"]);
      expect(computation.rows).toEqual(told["rows"]);
      expect(computation.columns).toEqual(told["columns"]);
      same(computation.patch, told["patch"] as number[]);
      same(computation.kernel, told["kernel"] as number[]);
      same(computation.products, told["products"] as number[]);
      same(computation.channelSums, told["channel_sums"] as number[]);
      if (told["bias"] === null) expect(computation.bias).toBeNull();
      else expect(computation.bias).toBeCloseTo(told["bias"] as number, 5);
      break;
    case "pooling": {
      same(computation.patch, told["patch"] as number[]);
      const wide = computation.columns.length;
      const winner =
        computation.winner === null
          ? undefined
          : [computation.rows[Math.floor(computation.winner / wide)], computation.columns[computation.winner % wide]];
      expect(winner).toEqual(told["winner"]);
      break;
    }
    case "weighted-sum":
      same(computation.products, told["products"] as number[]);
      expect(computation.maps ?? undefined).toEqual(told["maps"]);
      break;
    case "addition":
      same(computation.addends, told["addends"] as number[]);
      break;
    case "multiplication":
      same(computation.factors, told["factors"] as number[]);
      expect(computation.cells).toEqual(told["cells"]);
      break;
    case "concatenation":
      expect(computation.branch).toBe(told["branch"]);
      expect(computation.source).toEqual(told["source_cell"]);
      expect(computation.value).toBeCloseTo(told["value"] as number, 5);
      break;
    case "flattening":
    case "moving":
    case "pointwise": {
      expect(computation.source ?? undefined).toEqual(told["source"]);
      expect(computation.value).toBeCloseTo(told["value"] as number, 5);
      const constants = told["constants"] as Record<string, number>;
      for (const [name, value] of Object.entries(computation.family === "pointwise" ? computation.numbers : {})) {
        const own = { running_mean: "mean", running_var: "variance" }[name] ?? name;
        expect(value, name).toBeCloseTo(constants[own]!, 5);
      }
      break;
    }
    case "softmax":
      expect(computation.sum).toBeCloseTo((told["constants"] as Record<string, number>)["sum"]!, 5);
  }
});

test.each(cases)("%s sees the pixels that the table says", (_, computed, told) => {
  const step = computed.steps.get(told.layer)!;
  const { firstRow, lastRow, firstColumn, lastColumn } = receptiveField(step, ...onGrid(computed.steps, step, told.cell));
  expect([firstRow, lastRow, firstColumn, lastColumn]).toEqual(told.sees);
});
