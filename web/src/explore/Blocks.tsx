/** Blocks around their branches, with the lines that lead from where they part to where they meet. */
import { px } from "../draw/canvas";
import { t } from "../i18n";
import type { Block, Lane, Layout } from "./layout";

export function Blocks({ layout }: { layout: Layout }) {
  return (
    <>
      {layout.blocks.map((block) => (
        <div
          key={block.step.name}
          class="block"
          style={px({ left: block.x, top: block.y, width: block.width, height: block.height })}
        >
          <span class="block-name">
            {block.step.name}
            {block.step.kind !== "add" && <small>{meaning(block)}</small>}
          </span>
        </div>
      ))}
      <svg class="lanes" width={layout.width} height={layout.height} aria-hidden="true">
        {layout.blocks.flatMap((block) =>
          block.lanes.map((lane, i) => (
            <g key={`${block.step.name} ${i}`}>
              <path class="lane" d={path(lane, block.y + 44)} />
              {!lane.own && (
                <text x={lane.from + 28} y={lane.y - 6}>
                  {t(block.step.kind === "add" ? "block.shortcut" : "block.input")}
                </text>
              )}
            </g>
          )),
        )}
      </svg>
    </>
  );
}

/** How the branches of a block meet, in a word or two. */
function meaning({ step, gate }: Block): string {
  return t(gate ? "block.gate" : step.kind === "concat" ? "block.concat" : "block.multiply");
}

/** From the block's beginning down to the lane, along it, and up to where the branches meet. */
function path(lane: Lane, top: number): string {
  return lane.own
    ? `M${lane.from - 8},${top} V${lane.y} H${lane.from} M${lane.end + 6},${lane.y} H${lane.to - 29}`
    : `M${lane.from + 4},${top} V${lane.y - 12} q0,12 12,12 H${lane.to - 12} q12,0 12,-12 v-8`;
}
