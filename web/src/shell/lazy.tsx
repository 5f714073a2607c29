/** Views that are loaded when they are first opened. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n";

export function lazy(load: () => Promise<ComponentType>): ComponentType {
  let loaded: ComponentType | null = null;
  return function Later() {
    const [, ready] = useState(loaded !== null);
    useEffect(() => {
      if (!loaded) {
        void load().then((component) => {
          loaded = component;
          ready(true);
        });
      }
    }, []);
    const Loaded = loaded;
    return Loaded ? <Loaded /> : <main class="nothing quiet">{t("working")}</main>;
  };
}

