/** Types of the page's own, beside those of the server's answers: these are generated, see `contract.ts`. */
import type { Model, WrittenNetwork } from "./contract";

/** One layer as it is written in a network: `{ conv: 32, kernel: 3 }`. */
export type WrittenLayer = WrittenNetwork["layers"][number];

export type Method = Model["attributions"][number];

/** How much each pixel speaks for a class. */
export interface Attribution {
  method: Method;
  class: number;
  /** (H, W), row by row. */
  map: Float32Array;
  height: number;
  width: number;
}
