import { expect, test } from "vitest";
import { refuseLarge, sizeIn } from "../src/preprocessing/header";

/** Images of 7x5 pixels as Pillow writes them, of some formats only the head. */
const FILES: Record<string, string> = {
  png: "iVBORw0KGgoAAAANSUhEUgAAAAcAAAAFCAIAAAAG+GGP",
  gif: "R0lGODdhBwAFAIIAAA==",
  bmp: "Qk1eBAAAAAAAADYEAAAoAAAABwAAAAUAAAABAAgAAAAAACgAAADEDgAAxA4AAAABAAAAAQAA",
  jpeg: "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/wAALCAAFAAcBAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/9oACAEBAAA/AGn9ynnHDsQp5HPI9etf/9k=",
  "progressive jpeg": "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/wgALCAAFAAcBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAf/aAAgBAQAAAAE//8QAFRABAQAAAAAAAAAAAAAAAAAAADH/2gAIAQEAAQUCj//EABUQAQEAAAAAAAAAAAAAAAAAAAAR/9oACAEBAAY/Aq//xAAYEAACAwAAAAAAAAAAAAAAAAAAASExQf/aAAgBAQABPyGu3B//2gAIAQEAAAAQf//EABkQAQACAwAAAAAAAAAAAAAAAAEhMQARUf/aAAgBAQABPxBtaYUkydvP/9k=",
  "webp, lossy": "UklGRjoAAABXRUJQVlA4IC4AAACQAQCdASoHAAUABUB8JaQAAppikQ==",
  "webp, lossless": "UklGRkgAAABXRUJQVlA4TDsAAAAvBgABAAWTAACQPGAIH+jaaD7A3Q==",
  "webp, extended": "UklGRmIAAABXRUJQVlA4WAoAAAAQAAAABgAABAAAQUxQSA0AAAABDw==",
};
const bytes = (text: string) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const view = (of: Uint8Array) => new DataView(of.buffer, of.byteOffset, of.byteLength);

test.each(Object.keys(FILES))("the head of a %s says its size", (format) => {
  expect(sizeIn(view(bytes(FILES[format]!)))).toEqual([7, 5]);
});

test("what ends early, or is no image, says none", () => {
  for (const text of Object.values(FILES)) {
    const whole = bytes(text);
    for (let length = 0; length < whole.length; length++) {
      expect([null, "7,5"]).toContain(sizeIn(view(whole.slice(0, length)))?.join() ?? null);
    }
  }
  expect(sizeIn(view(new TextEncoder().encode("a,b,c\n1,2,3\n1,2,3\n")))).toBeNull();
});

test("a small file of many pixels is refused by its head", async () => {
  const png = bytes(FILES["png"]!);
  await refuseLarge(new Blob([png]));
  view(png).setUint32(16, 20_000);
  view(png).setUint32(20, 20_000);
  await expect(refuseLarge(new Blob([png]))).rejects.toMatchObject({
    code: "too_large",
    message: "the image has 20000x20000 pixels",
  });
});
