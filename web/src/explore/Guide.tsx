/** How to read the page, in a few sentences and one scale of colours. */
import { css } from "../draw/colour";
import { t } from "../i18n";
import { theme } from "../state";

export function Guide() {
  const touch = window.matchMedia("(hover: none)").matches;
  const shades = Array.from({ length: 21 }, (_, i) => css((i - 10) / 10, theme.value, 1));
  return (
    <aside class="guide" aria-label={t("guide.label")}>
      <h2>{t("guide.title")}</h2>
      <ol>
        <li>{t("guide.flow")}</li>
        <li>{t("guide.maps")}</li>
        {!touch && <li>{t("guide.hover")}</li>}
        <li>{t(touch ? "guide.tap" : "guide.click")}</li>
      </ol>
      <div class="scale">
        <span>{t("guide.negative")}</span>
        <i style={{ background: `linear-gradient(90deg, ${shades.join(", ")})` }} />
        <span>{t("guide.positive")}</span>
      </div>
    </aside>
  );
}
