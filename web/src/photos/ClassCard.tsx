/** A class: its name, its photos, and the ways to more of them. */
import { useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import type { PhotoClass } from "../model/contract";
import { possible } from "./camera";
import { add, collection, outcome, removeClass, removePhoto, rename, underWay } from "./collecting";
import { fromDialog, fromDrop } from "./files";
import { Recorder } from "./Recorder";
import { service } from "./service";

/** Photos that are shown; the others are counted. */
const SHOWN = 200;

interface Props {
  label: PhotoClass;
  recording: boolean;
  onRecord: (on: boolean) => void;
  /** What a click on a photo does, where a classifier can look at it. */
  onLook: ((photo: string) => void) | null;
}

export function ClassCard({ label, recording, onRecord, onLook }: Props) {
  const chooser = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const [sure, setSure] = useState(false);
  const coming = underWay.value.get(label.id) ?? 0;
  const newest = label.photos.slice(-SHOWN).reverse();
  return (
    <section
      class={`class-card${over ? " is-over" : ""}`}
      aria-label={label.name}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={(event) => {
        event.preventDefault();
        event.stopPropagation();
        setOver(false);
        if (event.dataTransfer) void fromDrop(event.dataTransfer).then((chosen) => add(chosen, label.id));
      }}
    >
      <header>
        <input
          type="text"
          class="name"
          aria-label={t("photos.name")}
          maxLength={60}
          value={label.name}
          onFocus={(event) => event.currentTarget.select()}
          onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
          onChange={(event) => {
            const name = event.currentTarget.value;
            event.currentTarget.value = label.name;
            if (name.trim() && name !== label.name) void rename(label.id, name);
          }}
        />
        <span class="count" data-testid="count">
          {label.photos.length}
        </span>
        <button
          class="plain cross"
          aria-label={t("photos.removeClass", { name: label.name })}
          title={t("photos.removeClass", { name: label.name })}
          onClick={() => (label.photos.length ? setSure(true) : void removeClass(label.id))}
        >
          ×
        </button>
      </header>
      {sure && (
        <div class="sure" role="alertdialog" aria-label={t("photos.removeClass", { name: label.name })}>
          <p>{t("photos.sureClass", { n: label.photos.length })}</p>
          <div class="tools">
            <button class="danger" onClick={() => void removeClass(label.id)}>
              {t("photos.remove")}
            </button>
            <button onClick={() => setSure(false)}>{t("photos.keep")}</button>
          </div>
        </div>
      )}
      {recording ? (
        <Recorder label={label} onClose={() => onRecord(false)} />
      ) : (
        <div class="tools">
          <button onClick={() => chooser.current!.click()}>{t("photos.addFiles")}</button>
          {possible() && <button onClick={() => onRecord(true)}>{t("input.camera")}</button>}
        </div>
      )}
      <input
        ref={chooser}
        type="file"
        accept="image/*,.zip"
        multiple
        hidden
        data-testid="files"
        onChange={(event) => {
          add(fromDialog(event.currentTarget.files), label.id);
          event.currentTarget.value = "";
        }}
      />
      {coming > 0 && <p class="quiet coming" aria-live="polite">{t("photos.coming", { n: coming })}</p>}
      {newest.length > 0 ? (
        <ul class="thumbnails" tabIndex={0} aria-label={t("photos.of", { name: label.name })}>
          {newest.map((photo, index) => (
            <Thumbnail
              key={photo}
              photo={photo}
              title={t("photos.one", { n: label.photos.length - index, name: label.name })}
              onLook={onLook}
            />
          ))}
        </ul>
      ) : (
        !recording && <p class="invitation">{t("photos.dropHere")}</p>
      )}
      {label.photos.length > SHOWN && <p class="quiet">{t("photos.more", { n: label.photos.length - SHOWN })}</p>}
    </section>
  );
}

function Thumbnail(props: { photo: string; title: string; onLook: Props["onLook"] }) {
  const { photo, title, onLook } = props;
  const image = (
    <img src={service.thumbnail(collection.value!.id, photo)} alt={title} loading="lazy" width="64" height="64" />
  );
  return (
    <li>
      {onLook ? (
        <button class="plain look" title={t("photos.look")} onClick={() => onLook(photo)}>
          {image}
        </button>
      ) : (
        image
      )}
      <button
        class="cross"
        aria-label={t("photos.removeOne", { title })}
        title={t("photos.remove")}
        onClick={() => {
          outcome.value = null;
          void removePhoto(photo);
        }}
      >
        ×
      </button>
    </li>
  );
}
