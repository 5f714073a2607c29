/** Softmax in three columns: logits, exponentials, shares of their sum. */
import { percent, short } from "../draw/numbers";
import { t } from "../i18n";
import { model, selected } from "../state";
import type { Softmax } from "../windows/computation";
import { Bar, Part, type ViewProps } from "./parts";

const MOST = 40;

export function SoftmaxView({ step, cell, computation }: ViewProps<Softmax>) {
  const classes = model.value!.classes;
  const order = Array.from(computation.logits.keys());
  if (order.length > MOST) order.sort((a, b) => computation.logits[b]! - computation.logits[a]!).splice(MOST);
  const widest = computation.logits.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-9);
  return (
    <>
      <Part title={t("softmax.title")} grow dense>
        <table class="contributions softmax">
          <thead>
            <tr>
              <th scope="col">{t("softmax.class")}</th>
              <th scope="col" colSpan={2}>
                {t("softmax.logit")}
              </th>
              <th scope="col">{t("softmax.exponential", { largest: short(computation.largest) })}</th>
              <th scope="col" colSpan={2}>
                {t("softmax.share", { sum: short(computation.sum) })}
              </th>
            </tr>
          </thead>
          <tbody>
            {order.map((index) => (
              <tr
                key={index}
                class={index === cell[0] ? "is-on" : ""}
                onClick={() => (selected.value = { layer: step.name, cell: [index] })}
              >
                <th scope="row">{classes[index] ?? index}</th>
                <td class="number">{short(computation.logits[index]!)}</td>
                <td class="wide">
                  <Bar share={computation.logits[index]! / widest} />
                </td>
                <td class="number">{short(computation.exponentials[index]!)}</td>
                <td class="number">{percent(computation.exponentials[index]! / computation.sum, 2)}</td>
                <td class="wide">
                  <span class="bar">
                    <i style={{ width: `${(100 * computation.exponentials[index]!) / computation.sum}%` }} />
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Part>
      <Part title={t("softmax.why")}>
        <p class="formula">
          e<sup>{short(computation.logits[cell[0]!]!)} − {short(computation.largest)}</sup> / {short(computation.sum)} ={" "}
          <b data-testid="total">{computation.total.toFixed(4)}</b>
        </p>
        <p class="say">{t("softmax.explained")}</p>
      </Part>
    </>
  );
}
