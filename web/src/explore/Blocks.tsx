/** Residual blocks around their layers, with the line of the shortcut. */
import { px } from "../draw/canvas";
import { t } from "../i18n";
import type { Layout } from "./layout";

export function Blocks({ layout }: { layout: Layout }) {
  return (
    <>
      {layout.blocks.map((block) => (
        <div
          key={block.name}
          class="block"
          style={px({ left: block.x, top: block.y, width: block.width, height: block.height })}
        >
          <span class="block-name">{block.name}</span>
        </div>
      ))}
      <svg class="lanes" width={layout.width} height={layout.height} aria-hidden="true">
        {layout.blocks.map(({ name, lane, own, y }) => (
          <g key={name}>
            <path
              class="lane"
              d={
                own
                  ? `M${lane.from - 8},${y + 44} V${lane.y} H${lane.from} M${lane.end + 6},${lane.y} H${lane.to - 29}`
                  : `M${lane.from + 4},${y + 44} V${lane.y - 12} q0,12 12,12 H${lane.to - 12} q12,0 12,-12 v-8`
              }
            />
            {!own && (
              <text x={lane.from + 28} y={lane.y - 6}>
                {t("block.shortcut")}
              </text>
            )}
          </g>
        ))}
      </svg>
    </>
  );
}
