/** A list of layers to edit: settings, order, what each gives; blocks hold lists of their own. */
import { grouped, shapeText } from "../draw/numbers";
import { t } from "../i18n";
import { kindOf, KINDS, type Kind } from "../model/tree";
import type { LayerRow, WrittenLayer } from "../model/types";
import { changed, fieldsOf, fresh, shown, wordOf } from "./fields";
import { namesOf } from "./names";

interface Props {
  layers: WrittenLayer[];
  rows: Map<string, LayerRow>;
  prefix: string;
  /** Index of the layer that does not fit. */
  wrong: number | null;
  onChange: (layers: WrittenLayer[]) => void;
}

export function LayerList({ layers, rows, prefix, wrong, onChange }: Props) {
  const names = namesOf(layers);
  const replace = (index: number, ...by: WrittenLayer[]) => onChange(layers.toSpliced(index, 1, ...by));
  const swap = (index: number, by: number) => {
    const next = [...layers];
    [next[index], next[index + by]] = [next[index + by]!, next[index]!];
    onChange(next);
  };
  return (
    <>
      <ol class="layers">
        {layers.map((layer, index) => {
          const kind = kindOf(layer);
          const name = names[index]!;
          const row = rows.get(prefix + name);
          return (
            <li key={index} class={wrong === index ? "is-wrong" : ""} data-row={prefix + name}>
              <div class="row">
                <strong>{name}</strong>
                <div class="settings">
                  {fieldsOf(kind).map((field) => (
                    <label key={field.key}>
                      <span>{wordOf(field.key)}</span>
                      <input
                        type="text"
                        style={{ width: `${field.width}px` }}
                        value={shown(layer[field.key])}
                        placeholder={field.usual}
                        aria-label={`${name} ${wordOf(field.key)}`}
                        onInput={(event) => replace(index, changed(layer, kind, field.key, event.currentTarget.value))}
                      />
                    </label>
                  ))}
                </div>
                <span class="number shape">{row ? shapeText(row.output) : "–"}</span>
                <span class="number">{row ? grouped(row.parameters) : ""}</span>
                <span class="number adds">{row ? grouped(row.multiply_adds) : ""}</span>
                <span class="moves">
                  <button disabled={index === 0} aria-label={t("workbench.up", { name })} onClick={() => swap(index, -1)}>
                    ↑
                  </button>
                  <button
                    disabled={index + 1 === layers.length}
                    aria-label={t("workbench.down", { name })}
                    onClick={() => swap(index, 1)}
                  >
                    ↓
                  </button>
                  <button aria-label={t("workbench.remove", { name })} onClick={() => replace(index)}>
                    ×
                  </button>
                </span>
              </div>
              {kind === "residual" && (
                <div class="branches">
                  <LayerList
                    layers={layer["residual"] as WrittenLayer[]}
                    rows={rows}
                    prefix={`${prefix}${name}.`}
                    wrong={null}
                    onChange={(inner) => replace(index, { ...layer, residual: inner })}
                  />
                  <p class="quiet">{t("block.shortcut")}</p>
                  <LayerList
                    layers={(layer["shortcut"] as WrittenLayer[] | undefined) ?? []}
                    rows={rows}
                    prefix={`${prefix}${name}.shortcut.`}
                    wrong={null}
                    onChange={(inner) => replace(index, { ...layer, shortcut: inner })}
                  />
                </div>
              )}
            </li>
          );
        })}
      </ol>
      <AddLayer onAdd={(kind) => onChange([...layers, fresh(kind)])} />
    </>
  );
}

function AddLayer({ onAdd }: { onAdd: (kind: Kind) => void }) {
  return (
    <select
      class="add"
      aria-label={t("workbench.kind")}
      value=""
      onChange={(event) => {
        if (event.currentTarget.value) onAdd(event.currentTarget.value as Kind);
        event.currentTarget.value = "";
      }}
    >
      <option value="">+ {t("workbench.add")}</option>
      {KINDS.map((kind) => (
        <option key={kind} value={kind}>
          {kind} · {t(`kind.${kind}`)}
        </option>
      ))}
    </select>
  );
}
