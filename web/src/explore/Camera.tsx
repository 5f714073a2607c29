/** One picture from the camera, where the browser and the person allow it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { t, type Key } from "../i18n";

const WHY: Record<string, Key> = {
  NotAllowedError: "camera.refused",
  SecurityError: "camera.refused",
  NotFoundError: "camera.none",
  OverconstrainedError: "camera.none",
};

interface Props {
  /** Width over height of the picture that is wanted: the middle of what the camera sees. */
  ratio: number;
  onPicture: (blob: Blob) => void;
  onClose: () => void;
}

export function Camera({ ratio, onPicture, onClose }: Props) {
  const video = useRef<HTMLVideoElement>(null);
  const [refused, setRefused] = useState<Key | null>(null);
  const [ready, setReady] = useState(false);
  useEffect(() => {
    let stream: MediaStream | null = null;
    let closed = false;
    navigator.mediaDevices
      .getUserMedia({ video: { facingMode: "environment" } })
      .then((opened) => {
        stream = opened;
        if (closed) opened.getTracks().forEach((track) => track.stop());
        else video.current!.srcObject = opened;
      })
      .catch((thrown: unknown) => {
        if (!closed) setRefused(WHY[thrown instanceof DOMException ? thrown.name : ""] ?? "camera.failed");
      });
    return () => {
      closed = true;
      stream?.getTracks().forEach((track) => track.stop());
    };
  }, []);
  const snap = () => {
    const { videoWidth, videoHeight } = video.current!;
    const width = Math.min(videoWidth, videoHeight * ratio);
    const height = width / ratio;
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(width);
    canvas.height = Math.round(height);
    const [x, y] = [(videoWidth - width) / 2, (videoHeight - height) / 2];
    canvas.getContext("2d", { alpha: false })!.drawImage(video.current!, x, y, width, height, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => blob && onPicture(blob), "image/png");
    onClose();
  };
  return (
    <div class="camera">
      {refused ? (
        <p role="alert">{t(refused)}</p>
      ) : (
        <video ref={video} autoplay playsinline muted onPlaying={() => setReady(true)} />
      )}
      <div class="tools">
        {!refused && (
          <button class="primary" disabled={!ready} onClick={snap}>
            {t("camera.take")}
          </button>
        )}
        <button onClick={onClose}>{t("close")}</button>
      </div>
    </div>
  );
}
