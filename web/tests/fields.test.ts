import { expect, test } from "vitest";
import type { Setting } from "../src/model/contract";
import { changed, fresh, offered, read, settingsOf, shown, switched, usual } from "../src/workbench/fields";
import { WRITTEN_KINDS } from "../src/kinds/kinds";
import { kindOf } from "../src/model/tree";
import { namesOf } from "../src/workbench/names";

test("settings are read as they are written", () => {
  expect(["3", "3, 5", "[1, 0]", "same", "", "0.25"].map(read)).toEqual([3, [3, 5], [1, 0], "same", undefined, 0.25]);
  expect([3, [3, 5], "same", undefined, true].map(shown)).toEqual(["3", "3, 5", "same", "", ""]);
});

test("an emptied setting goes back to what is usual", () => {
  const layer = changed({ conv: 16, kernel: 3, stride: 2 }, "conv", "stride", "");
  expect(layer).toEqual({ conv: 16, kernel: 3 });
  expect(changed(layer, "conv", "kernel", "3x5")).toEqual({ conv: 16, kernel: [3, 5] });
});

test("a new layer of each kind is of that kind", () => {
  for (const kind of WRITTEN_KINDS) expect(kindOf(fresh(kind))).toBe(kind);
});

test("an empty field shows the default, and that pools move by their kernel", () => {
  const setting = (name: Setting["name"], value: Setting["default"]): Setting => ({ name, key: name, required: false, default: value });
  offered.value = [{ kind: "max_pool", settings: [setting("stride", null)] }];
  expect(settingsOf("max_pool").map((one) => usual(one, "as the kernel"))).toEqual(["as the kernel"]);
  expect(settingsOf("relu")).toEqual([]);
  expect([setting("slope", 0.01), setting("kernel", [3, 5]), setting("filters", null)].map((one) => usual(one, ""))).toEqual([
    "0.01",
    "3, 5",
    "",
  ]);
});

test("a switch is written only where it is not as usual", () => {
  const setting = (name: Setting["name"], value: boolean): Setting => ({ name, key: name, required: false, default: value });
  const [bias, ceil] = [setting("bias", true), setting("ceil", false)];
  expect(switched({ conv: 8 }, bias, false)).toEqual({ conv: 8, bias: false });
  expect(switched({ conv: 8, bias: false }, bias, true)).toEqual({ conv: 8 });
  expect(switched({ max_pool: 3 }, ceil, true)).toEqual({ max_pool: 3, ceil: true });
  expect(switched({ max_pool: 3, ceil: true }, ceil, false)).toEqual({ max_pool: 3 });
});

test("layers are numbered by kind, and keep names of their own", () => {
  expect(namesOf([{ conv: 1 }, { relu: true }, { conv: 2, name: "eyes" }, { conv: 3 }])).toEqual([
    "conv1",
    "relu1",
    "eyes",
    "conv3",
  ]);
  expect(namesOf([fresh("branches"), { ...fresh("branches"), join: "add" }, fresh("branches"), fresh("repeat")])).toEqual([
    "concat1",
    "add1",
    "concat2",
    "repeat1",
  ]);
});

test("a layer of a kind that the page does not know is taken for no other kind", () => {
  const layer = { hard_tanh: true };
  expect(kindOf(layer)).toBeNull();
  expect(namesOf([layer, { relu: true }, layer])).toEqual(["hard_tanh1", "relu1", "hard_tanh2"]);
});

test("layers without a name get their kind and number, apart where the kind ends in a digit", () => {
  expect(namesOf([{ conv: 8 }, { relu6: true }, { conv: 8, name: "last" }, { relu6: true }])).toEqual([
    "conv1",
    "relu6_1",
    "last",
    "relu6_2",
  ]);
});
