/** A list of layers to edit: settings, order, what each gives; blocks hold lists of their own. */
import { grouped, shapeText } from "../draw/numbers";
import { t } from "../i18n";
import { isCompound, type Compound } from "../kinds/kinds";
import { never } from "../kinds/never";
import { kindOf } from "../model/tree";
import type { Setting, Step, WrittenKind } from "../model/contract";
import type { WrittenLayer } from "../model/types";
import { changed, fresh, offered, renamed, settingsOf, shown, switched, usual, widthOf } from "./fields";
import { namesOf } from "./names";
import { inside, markOf, type Place } from "./wrong";

interface Props {
  layers: WrittenLayer[];
  steps: Map<string, Step>;
  prefix: string;
  /** Where the layers stand that are wrong, such as `[3, "residual", 1]`. */
  wrong: readonly Place[];
  onChange: (layers: WrittenLayer[]) => void;
}

export function LayerList({ layers, steps, prefix, wrong, onChange }: Props) {
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
          const step = steps.get(prefix + name);
          return (
            <li
              key={index}
              class={markOf(wrong, index)}
              data-row={prefix + name}
            >
              <div class="row">
                <input
                  type="text"
                  class="name"
                  value={shown(layer["name"])}
                  placeholder={name}
                  aria-label={t("workbench.name", { name })}
                  title={t("workbench.name", { name })}
                  onInput={(event) => replace(index, renamed(layer, event.currentTarget.value))}
                />
                <div class="settings">
                  {kind ? (
                    <Settings name={name} kind={kind} layer={layer} onChange={(next) => replace(index, next)} />
                  ) : (
                    <span class="quiet">
                      {t("workbench.unknown")} <code>{JSON.stringify(layer)}</code>
                    </span>
                  )}
                </div>
                <span class="number shape">{step ? shapeText(step.output) : "–"}</span>
                <span class="number">{step ? grouped(step.parameters) : ""}</span>
                <span class="number adds">{step ? grouped(step.multiply_adds) : ""}</span>
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
              {kind && isCompound(kind) && (
                <Lists
                  layer={layer}
                  kind={kind}
                  steps={steps}
                  prefix={`${prefix}${name}.`}
                  wrong={(...keys) => inside(wrong, index, ...keys)}
                  onChange={(next) => replace(index, next)}
                />
              )}
            </li>
          );
        })}
      </ol>
      <AddLayer onAdd={(kind) => onChange([...layers, fresh(kind)])} />
    </>
  );
}

interface ListsProps {
  layer: WrittenLayer;
  kind: Compound;
  steps: Map<string, Step>;
  /** What the names of its layers begin with. */
  prefix: string;
  wrong: (...keys: (string | number)[]) => Place[];
  onChange: (layer: WrittenLayer) => void;
}

/** The lists of layers that a layer holds. */
function Lists({ layer, kind, steps, prefix, wrong, onChange }: ListsProps) {
  switch (kind) {
    case "residual":
      return (
        <div class="branches">
          <LayerList
            layers={(layer["residual"] as WrittenLayer[] | undefined) ?? []}
            steps={steps}
            prefix={prefix}
            wrong={wrong("residual")}
            onChange={(inner) => onChange({ ...layer, residual: inner })}
          />
          <p class="quiet">{t("block.shortcut")}</p>
          <LayerList
            layers={(layer["shortcut"] as WrittenLayer[] | undefined) ?? []}
            steps={steps}
            prefix={`${prefix}shortcut.`}
            wrong={wrong("shortcut")}
            onChange={(inner) => onChange({ ...layer, shortcut: inner })}
          />
        </div>
      );
    case "repeat":
      return (
        <div class="branches">
          <LayerList
            layers={(layer["layers"] as WrittenLayer[] | undefined) ?? []}
            steps={steps}
            prefix={`${prefix}1.`}
            wrong={wrong("layers")}
            onChange={(inner) => onChange({ ...layer, layers: inner })}
          />
        </div>
      );
    case "branches": {
      const branches = (layer["branches"] as WrittenLayer[][] | undefined) ?? [];
      const put = (next: WrittenLayer[][]) => onChange({ ...layer, branches: next });
      return (
        <div class="branches">
          {branches.map((branch, i) => (
            <section key={i}>
              <p class="quiet">
                {t("branch.number", { n: i + 1 })}
                {branches.length > 2 && (
                  <button aria-label={t("workbench.removeBranch", { n: i + 1 })} onClick={() => put(branches.toSpliced(i, 1))}>
                    ×
                  </button>
                )}
              </p>
              <LayerList
                layers={branch}
                steps={steps}
                prefix={`${prefix}branch${i + 1}.`}
                wrong={wrong("branches", i)}
                onChange={(inner) => put(branches.with(i, inner))}
              />
            </section>
          ))}
          <button class="add" onClick={() => put([...branches, []])}>
            + {t("workbench.addBranch")}
          </button>
        </div>
      );
    }
    default:
      return never(kind);
  }
}

interface SettingsProps {
  name: string;
  kind: WrittenKind;
  layer: WrittenLayer;
  onChange: (layer: WrittenLayer) => void;
}

/** The fields of a layer's settings; what it does, where it has none. */
function Settings({ name, kind, layer, onChange }: SettingsProps) {
  const settings = settingsOf(kind);
  if (!settings.length) return <span class="quiet">{t(`does.${kind}`)}</span>;
  return (
    <>
      {settings.map((setting) => (
        <Field
          key={setting.key}
          layer={name}
          setting={setting}
          value={layer[setting.key]}
          onText={(text) => onChange(changed(layer, kind, setting.key, text))}
          onSwitch={(on) => onChange(switched(layer, setting, on))}
        />
      ))}
    </>
  );
}

interface FieldProps {
  layer: string;
  setting: Setting;
  value: unknown;
  onText: (text: string) => void;
  onSwitch: (on: boolean) => void;
}

function Field({ layer, setting, value, onText, onSwitch }: FieldProps) {
  const word = t(`field.${setting.name}`);
  const normally = setting.default;
  if (setting.choices) {
    return (
      <label data-field={setting.key} title={setting.key}>
        <span>{word}</span>
        <select value={shown(value ?? normally)} aria-label={`${layer} ${word}`} onChange={(event) => onText(event.currentTarget.value)}>
          {setting.choices.map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
        </select>
      </label>
    );
  }
  return (
    <label data-field={setting.key} title={setting.key}>
      {typeof normally !== "boolean" ? (
        <>
          <span>{word}</span>
          <input
            type="text"
            style={{ width: `${widthOf(setting)}px` }}
            value={shown(value)}
            placeholder={usual(setting, t("field.kernel"))}
            aria-label={`${layer} ${word}`}
            onInput={(event) => onText(event.currentTarget.value)}
          />
        </>
      ) : (
        <>
          <input
            type="checkbox"
            checked={(value ?? normally) === true}
            aria-label={`${layer} ${word}`}
            onChange={(event) => onSwitch(event.currentTarget.checked)}
          />
          <span>{word}</span>
        </>
      )}
    </label>
  );
}

function AddLayer({ onAdd }: { onAdd: (kind: WrittenKind) => void }) {
  return (
    <select
      class="add"
      aria-label={t("workbench.kind")}
      value=""
      onChange={(event) => {
        if (event.currentTarget.value) onAdd(event.currentTarget.value as WrittenKind);
        event.currentTarget.value = "";
      }}
    >
      <option value="">+ {t("workbench.add")}</option>
      {offered.value.map(({ kind }) => (
        <option key={kind} value={kind}>
          {kind} · {t(`kind.${kind}`)}
        </option>
      ))}
    </select>
  );
}
