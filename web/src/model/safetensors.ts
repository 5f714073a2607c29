/**
 * The safetensors format: 8 bytes of header length, a JSON header, raw little-endian data.
 *
 * Source: https://github.com/huggingface/safetensors#format.
 */
import { type Tensors, sizeOf } from "./tensor";

export interface TensorFile {
  tensors: Tensors;
  metadata: Record<string, string>;
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** Numbers of one dtype, as float32; every dtype that the server writes is here. */
const READERS: Record<string, (bytes: ArrayBuffer) => Float32Array> = {
  F32: (bytes) => new Float32Array(bytes),
  F64: (bytes) => Float32Array.from(new Float64Array(bytes)),
  U8: (bytes) => Float32Array.from(new Uint8Array(bytes)),
  I64: (bytes) => Float32Array.from(new BigInt64Array(bytes), Number),
};

/** Read a whole file; throws where it is not one. */
export function readSafetensors(buffer: ArrayBuffer): TensorFile {
  if (buffer.byteLength < 8) throw new Error("safetensors: shorter than its header length");
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  if (length > buffer.byteLength - 8) throw new Error("safetensors: the header is cut off");
  const text = new TextDecoder().decode(new Uint8Array(buffer, 8, length));
  const header = JSON.parse(text) as Record<string, Entry | Record<string, string>>;
  const tensors: Tensors = new Map();
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") {
      metadata = value as Record<string, string>;
      continue;
    }
    const { dtype, shape, data_offsets } = value as Entry;
    const read = READERS[dtype];
    if (!read) throw new Error(`safetensors: "${name}" has the dtype ${dtype}`);
    const start = 8 + length;
    const bytes = buffer.slice(start + data_offsets[0], start + data_offsets[1]);
    const data = read(bytes);
    if (data.length !== sizeOf(shape)) throw new Error(`safetensors: "${name}" is cut off`);
    tensors.set(name, { shape, data });
  }
  return { tensors, metadata };
}

/** Write one tensor of bytes as a whole file. */
export function writeBytes(
  name: string,
  shape: number[],
  data: Uint8Array,
  metadata: Record<string, string> = {},
): Uint8Array<ArrayBuffer> {
  const header = new TextEncoder().encode(
    JSON.stringify({ __metadata__: metadata, [name]: { dtype: "U8", shape, data_offsets: [0, data.length] } }),
  );
  const file = new Uint8Array(8 + header.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  file.set(data, 8 + header.length);
  return file;
}
