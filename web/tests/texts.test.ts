import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { en } from "../src/i18n/en";
import { zh } from "../src/i18n/zh";
import { settingsText } from "../src/shell/settingsText";

const holes = (text: string) => (text.match(/\{\w+\}/g) ?? []).toSorted();

test("both languages have the same texts with the same holes", () => {
  expect(Object.keys(zh).toSorted()).toEqual(Object.keys(en).toSorted());
  for (const [key, text] of Object.entries(en)) expect(holes(zh[key as keyof typeof en]), key).toEqual(holes(text));
});

test("every text is used somewhere", () => {
  const source = readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !name.includes("i18n"))
    .map((name) => readFileSync(join("src", name), "utf8"))
    .join("\n");
  const made = Array.from(source.matchAll(/t\(`([\w.]+)\$\{/g), (match) => match[1]!);
  const unused = Object.keys(en).filter(
    (key) => !source.includes(`"${key}"`) && !made.some((start) => key.startsWith(start)),
  );
  expect(unused).toEqual([]);
});

test("a layer's settings are said in both languages, word by word", () => {
  const say = (dictionary: typeof en) => (key: keyof typeof en, values: Record<string, string | number> = {}) =>
    dictionary[key].replace("{n}", String(values["n"]));
  const chinese = (text: string) => settingsText(text, say(zh as typeof en));
  expect(chinese("32 of 3x3 stride 2 pad 1 groups 2 no bias")).toBe("32 个 3×3 步幅 2 填充 1 分组 2 无偏置");
  expect(chinese("2 per channel of 5x5 same dilation 2")).toBe("每通道 2 个 5×5 同尺寸 膨胀 2");
  for (const text of ["32 of 3x3 pad [0, 1, 0, 1]", "2 per channel of 5x5 same", "rate 0.5", "slope 0.01", "10"]) {
    expect(settingsText(text, say(en))).toBe(text.replace(/(\d)x(\d)/, "$1×$2"));
  }
});
