import { expect, test } from "vitest";
import fixtures from "../fixtures/windows.json";
import { known } from "../src/backend/known";
import { Problem } from "../src/backend/problem";
import { familyOf, isKind, KINDS, WRITTEN_KINDS } from "../src/kinds/kinds";
import { POINTWISE, type Pointwise } from "../src/kinds/pointwise";
import type { Model, Step } from "../src/model/contract";

const steps = fixtures.flatMap((fixture) => fixture.steps as unknown as Step[]);
const model = (...layers: object[]) => ({ name: "run", layers }) as unknown as Model;
const refused = (...layers: object[]): Problem => {
  try {
    known(model(...layers));
  } catch (thrown) {
    return thrown as Problem;
  }
  throw new Error("the model was not refused");
};

test("the fixtures have a layer of every kind, and the page knows them all", () => {
  expect(new Set(steps.map((step) => step.kind))).toEqual(new Set(KINDS));
  const all = model(...steps);
  expect(known(all)).toBe(all);
});

test("branches and repetitions are written as one layer, and computed as their layers and a join", () => {
  const joins = ["add", "concat", "multiply"];
  const written = [...KINDS.filter((kind) => !joins.includes(kind)), "residual", "branches", "repeat"];
  expect(WRITTEN_KINDS.toSorted()).toEqual(written.toSorted());
  expect([isKind("add"), isKind("residual"), isKind("toString")]).toEqual([true, false, false]);
  expect(joins.map((kind) => isKind(kind) && familyOf(kind))).toEqual(["addition", "concatenation", "multiplication"]);
});

test("a kind that the page does not know is refused with its layer's name", () => {
  const problem = refused(steps[0]!, { name: "bend", kind: "hard_tanh" });
  expect(problem).toBeInstanceOf(Problem);
  expect(problem.code).toBe("unknown_kind");
  expect(problem.message).toContain('"bend"');
  expect(problem.message).toContain('"hard_tanh"');
});

test("a layer without a constant that it is computed with is refused, and one with another constant", () => {
  const missing = refused({ name: "leak", kind: "leaky_relu", constants: {} });
  expect(missing.message).toContain('"leak"');
  expect(missing.expected).toBe("slope");
  const more = refused({ name: "bend", kind: "gelu", constants: { approximate: 1 } });
  expect(more.message).toContain("approximate");
});

test.each(Object.entries(POINTWISE) as [string, Pointwise][])("the last line of %s comes to its value", (_, record) => {
  const names = [...(record.constants ?? []), ...(record.arrays ?? []), ...(record.moments ?? [])];
  const numbers = Object.fromEntries(names.map((name, i) => [name, 0.25 + 0.1 * i]));
  for (const x of [-3.5, -0.2, 0, 0.7, 4]) {
    const lines = record.lines(x, numbers);
    if (record.family === "passing") expect(record.value(x, numbers)).toBe(x);
    else expect(lines.at(-1)!.value).toBeCloseTo(record.value(x, numbers), 12);
    for (const line of lines) expect(line.text).not.toContain("NaN");
  }
});
