import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const OUT = "../src/convlens/serve/static";

/** onnxruntime-web as it comes: a published page loads it beside itself, a served page never. */
const RUNTIME = ["ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"];

function copyRuntime(): Plugin {
  return {
    name: "copy-onnxruntime",
    apply: "build",
    writeBundle({ dir }) {
      const to = join(dir ?? OUT, "ort");
      mkdirSync(to, { recursive: true });
      for (const file of RUNTIME) {
        copyFileSync(join("node_modules/onnxruntime-web/dist", file), join(to, file));
      }
    },
  };
}

export default defineConfig({
  base: "./",
  plugins: [copyRuntime()],
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    reportCompressedSize: true,
    rollupOptions: {
      output: {
        entryFileNames: "assets/[name].js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
  test: { include: ["tests/**/*.test.ts"], fileParallelism: false },
  server: { proxy: { "/v1": "http://127.0.0.1:8765" } },
});
