/** What the camera sees, or why it shows nothing. */
import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";
import { t } from "../i18n";
import { hold, mirrored, refused, stream } from "./camera";

interface Props {
  video: RefObject<HTMLVideoElement | null>;
  label: string;
  onReady?: (ready: boolean) => void;
}

export function Video({ video, label, onReady }: Props) {
  useEffect(hold, []);
  const now = stream.value;
  useEffect(() => {
    if (video.current) video.current.srcObject = now;
    if (!now) onReady?.(false);
  }, [now]);
  if (refused.value) {
    return (
      <p class="refused" role="alert">
        {t(refused.value)}
      </p>
    );
  }
  return (
    <video
      ref={video}
      class={now && mirrored(now) ? "is-mirror" : ""}
      aria-label={label}
      autoplay
      playsinline
      muted
      onPlaying={() => onReady?.(true)}
    />
  );
}
