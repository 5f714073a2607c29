import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";

/** The page's own modules that a module loads with it; types are gone by then, and `import()` comes later. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  const found = text.matchAll(/^(?:import|export)(?! type)[^;]*?from "(\.[^"]+)";/gm);
  return Array.from(found, (match) => normalize(join(dirname(file), match[1]!)));
}

const files = readdirSync("src", { recursive: true, encoding: "utf8" })
  .map((name) => join("src", name))
  .filter((name) => /\.tsx?$/.test(name));
const modules = new Map(files.map((file) => [file.replace(/\.tsx?$/, ""), importsOf(file)]));

/** The first circle of imports that a walk from a module meets. */
function circle(from: string, path: string[] = [], done = new Set<string>()): string[] | null {
  if (path.includes(from)) return [...path.slice(path.indexOf(from)), from];
  if (done.has(from)) return null;
  for (const next of modules.get(from) ?? modules.get(join(from, "index")) ?? []) {
    const found = circle(modules.has(next) ? next : join(next, "index"), [...path, from], done);
    if (found) return found;
  }
  done.add(from);
  return null;
}

test("no modules of the page import each other in a circle", () => {
  expect(modules.get("src/main")).toContain("src/state");
  const done = new Set<string>();
  for (const name of modules.keys()) expect(circle(name, [], done)).toBeNull();
});
