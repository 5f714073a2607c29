import { expect, test } from "vitest";
import { after, ready, type Pen } from "../src/explore/keyboardPen";

const go = (pen: Pen, ...keys: string[]) => keys.reduce((now, key) => after(now, key, 280, 140)!, pen);

test("the arrow keys move the pen, by a twenty-eighth of the longer side", () => {
  expect(go(ready(280, 140), "ArrowDown", "ArrowRight", "ArrowRight").at).toEqual([160, 38]);
  expect(go(ready(280, 140), "ArrowUp", "ArrowLeft").at).toEqual([130, 18]);
});

test("the pen stays on the sheet", () => {
  expect(go(ready(280, 140), ...Array<string>(40).fill("ArrowDown")).at).toEqual([140, 140]);
  expect(go(ready(280, 140), ...Array<string>(40).fill("ArrowLeft")).at).toEqual([0, 28]);
});

test("the space bar puts it down and lifts it, and moving does neither", () => {
  const down = go(ready(280, 140), " ", "ArrowDown");
  expect(down.down).toBe(true);
  expect(go(down, " ").down).toBe(false);
});

test("other keys are not the pen's", () => {
  for (const key of ["Tab", "Enter", "a", "Escape"]) expect(after(ready(280, 140), key, 280, 140)).toBeNull();
});
