/** One picture from the camera, where the browser and the person allow it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n";

export function Camera({ onPicture, onClose }: { onPicture: (blob: Blob) => void; onClose: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [refused, setRefused] = useState(false);
  useEffect(() => {
    let stream: MediaStream | null = null;
    let closed = false;
    navigator.mediaDevices
      .getUserMedia({ video: { facingMode: "environment" } })
      .then((found) => {
        stream = found;
        if (closed) found.getTracks().forEach((track) => track.stop());
        else video.current!.srcObject = found;
      })
      .catch(() => setRefused(true));
    return () => {
      closed = true;
      stream?.getTracks().forEach((track) => track.stop());
    };
  }, []);
  const snap = () => {
    const side = Math.min(video.current!.videoWidth, video.current!.videoHeight);
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = side;
    const [x, y] = [(video.current!.videoWidth - side) / 2, (video.current!.videoHeight - side) / 2];
    canvas.getContext("2d")!.drawImage(video.current!, x, y, side, side, 0, 0, side, side);
    canvas.toBlob((blob) => blob && onPicture(blob), "image/png");
    onClose();
  };
  return (
    <div class="camera">
      {refused ? <p>{t("camera.refused")}</p> : <video ref={video} autoplay playsinline muted />}
      <div class="tools">
        {!refused && <button onClick={snap}>{t("camera.take")}</button>}
        <button onClick={onClose}>{t("close")}</button>
      </div>
    </div>
  );
}
