/** Which losses a chart shows, and where the numbers at the ends of its curves stand. */
import type { Key } from "../i18n";
import type { EpochEvent } from "../model/contract";

interface Loss {
  name: Key;
  className: string;
  values: (number | null)[];
}

/** The losses of a run; that of validation twice where label smoothing makes it two quantities. */
export function lossesOf(events: EpochEvent[]): Loss[] {
  const train: Loss = { name: "training.train", className: "train", values: events.map((event) => event.train_loss) };
  const values = events.map((event) => event.validation_loss);
  const plain = events.map((event) => event.validation_cross_entropy ?? null);
  if (plain.every((value, index) => value === null || value === values[index])) {
    return [train, { name: "training.validation", className: "validation", values }];
  }
  return [
    train,
    { name: "training.smoothed", className: "validation", values },
    { name: "training.unsmoothed", className: "unsmoothed", values: plain },
  ];
}

/** Epochs with those that came in after them: a resumed training trains some of them again. */
export function followed(before: EpochEvent[], after: EpochEvent[]): EpochEvent[] {
  const first = after[0]?.epoch ?? Infinity;
  return [...before.filter((event) => event.epoch < first), ...after];
}

/** How many pixels lie between two labels below each other. */
const LINE = 14;

/** Move labels that would touch away from each other, without changing their order. */
export function apart(places: (number | null)[]): (number | null)[] {
  const sorted = places.flatMap((y, index) => (y === null ? [] : [{ y, index }])).toSorted((a, b) => a.y - b.y);
  // each label lies in a group that hangs together; groups that touch become one, around the middle of both
  const groups: { middle: number; members: number[] }[] = [];
  for (const { y, index } of sorted) {
    let group = { middle: y, members: [index] };
    for (let above = groups.at(-1); above && touches(above, group); above = groups.at(-1)) {
      const size = above.members.length + group.members.length;
      const sum = above.middle * above.members.length + group.middle * group.members.length;
      group = { middle: sum / size, members: [...above.members, ...group.members] };
      groups.pop();
    }
    groups.push(group);
  }
  const moved = [...places];
  for (const { middle, members } of groups) {
    members.forEach((index, n) => (moved[index] = middle + (n - (members.length - 1) / 2) * LINE));
  }
  return moved;
}

function touches(above: { middle: number; members: number[] }, below: { middle: number; members: number[] }): boolean {
  return below.middle - above.middle < ((above.members.length + below.members.length) / 2) * LINE;
}
