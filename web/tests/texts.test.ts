import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { en } from "../src/i18n/en";
import { zh } from "../src/i18n/zh";

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
