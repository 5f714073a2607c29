/** One camera for the whole view: it is on while something shows it. */
import { signal } from "@preact/signals";
import type { Key } from "../i18n";

const WHY: Record<string, Key> = {
  NotAllowedError: "camera.refused",
  SecurityError: "camera.refused",
  NotFoundError: "camera.none",
  OverconstrainedError: "camera.none",
};

/** The shorter side of a picture that is taken, in pixels: more than any network here looks at. */
const SIDE = 480;

export const stream = signal<MediaStream | null>(null);
export const refused = signal<Key | null>(null);
/** Whether the camera was used on this page: then it may be switched on without a click. */
export const used = signal(false);

let users = 0;

export const possible = () => "mediaDevices" in navigator;

/** Switch the camera on; returns how to let go of it. */
export function hold(): () => void {
  users++;
  refused.value = null;
  if (users === 1) void open();
  return () => {
    users--;
    if (users === 0) close();
  };
}

async function open(): Promise<void> {
  try {
    const opened = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    if (users === 0) opened.getTracks().forEach((track) => track.stop());
    else {
      stream.value = opened;
      used.value = true;
    }
  } catch (thrown) {
    refused.value = WHY[thrown instanceof DOMException ? thrown.name : ""] ?? "camera.failed";
  }
}

function close(): void {
  stream.value?.getTracks().forEach((track) => track.stop());
  stream.value = null;
}

/** Whether the camera looks at the person, who expects a mirror. */
export function mirrored(now: MediaStream): boolean {
  return now.getVideoTracks()[0]?.getSettings().facingMode !== "environment";
}

/** Take a picture of what a video shows, as JPEG. */
export function picture(video: HTMLVideoElement, side = SIDE): Promise<Blob | null> {
  const { videoWidth: width, videoHeight: height } = video;
  if (!width || !height) return Promise.resolve(null);
  const scale = Math.min(1, side / Math.min(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d", { alpha: false })!.drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
}
