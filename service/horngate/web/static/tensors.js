// Tensors as /v2 has them: a head in JSON, and the elements behind it as bytes, both ways.
//
// A tensor is {name, datatype, shape, values}, or has `picture`, an encoded one, in place of values.

const ARRAYS = {
  INT8: Int8Array, INT16: Int16Array, INT32: Int32Array, INT64: BigInt64Array,
  UINT8: Uint8Array, UINT16: Uint16Array, UINT32: Uint32Array, UINT64: BigUint64Array,
  FP32: Float32Array, FP64: Float64Array, BOOL: Uint8Array, FP16: Uint16Array, BF16: Uint16Array,
};
const WHOLE = /^U?INT64$/;
const scratch = new DataView(new ArrayBuffer(4));

function bits(value) {
  scratch.setFloat32(0, value);
  return scratch.getUint32(0);
}

// To the nearest, of two equally near the even one.
function toBrain(value) {
  const whole = bits(value);
  return Number.isNaN(value) ? 0x7fc0 : ((whole + 0x7fff + ((whole >>> 16) & 1)) >>> 16) & 0xffff;
}

function toHalf(value) {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(size || 1e-30)));
  const step = 2 ** (exponent - 10);
  const scaled = size / step;
  const low = Math.floor(scaled);
  const rest = scaled - low;
  const steps = rest > 0.5 || (rest === 0.5 && low % 2) ? low + 1 : low;
  return sign | (exponent === -14 && steps < 1024 ? steps : ((exponent + 15) << 10) + (steps - 1024));
}

function fromHalf(half) {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const rest = half & 1023;
  if (exponent === 31) return rest ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + rest / 1024) : 2 ** -14 * (rest / 1024));
}

function fromBrain(half) {
  scratch.setUint32(0, half << 16);
  return scratch.getFloat32(0);
}

function texts(values) {
  const parts = values.map((each) => (each instanceof Uint8Array ? each : new TextEncoder().encode(each)));
  const bytes = new Uint8Array(parts.reduce((size, part) => size + 4 + part.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.length, true);
    bytes.set(part, at + 4);
    at += 4 + part.length;
  }
  return bytes;
}

export function toBytes({ datatype, values, picture }) {
  if (picture) return texts([picture]);
  if (datatype === "BYTES") return texts(values);
  const kind = ARRAYS[datatype];
  let numbers = values;
  if (WHOLE.test(datatype)) numbers = values.map((each) => BigInt(Math.trunc(each)));
  else if (datatype === "FP16") numbers = values.map(toHalf);
  else if (datatype === "BF16") numbers = values.map(toBrain);
  return new Uint8Array(kind.from(numbers).buffer);
}

function fromBytes(bytes, datatype) {
  if (datatype === "BYTES") {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const found = [];
    for (let at = 0; at < bytes.length;) {
      const size = view.getUint32(at, true);
      found.push(new TextDecoder().decode(bytes.subarray(at + 4, at + 4 + size)));
      at += 4 + size;
    }
    return found;
  }
  const kind = ARRAYS[datatype];
  const numbers = [...new kind(bytes.slice().buffer)];
  if (WHOLE.test(datatype)) return numbers.map(Number);
  if (datatype === "BOOL") return numbers.map(Boolean);
  if (datatype === "FP16") return numbers.map(fromHalf);
  if (datatype === "BF16") return numbers.map(fromBrain);
  return numbers;
}

// The body of a request, the length of its head, and where each tensor's bytes lie in it.
export function request(tensors, parameters = {}) {
  const parts = tensors.map(toBytes);
  const head = new TextEncoder().encode(JSON.stringify({
    inputs: tensors.map((tensor, index) => ({
      name: tensor.name,
      datatype: tensor.datatype,
      shape: tensor.shape,
      parameters: { binary_data_size: parts[index].length },
    })),
    parameters: { ...parameters, binary_data_output: true },
  }));
  const body = new Uint8Array(head.length + parts.reduce((size, part) => size + part.length, 0));
  body.set(head);
  let at = head.length;
  const places = parts.map((part) => {
    const place = { from: at, size: part.length };
    body.set(part, at);
    at += part.length;
    return place;
  });
  return { body, head: head.length, places };
}

export async function reply(answer) {
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const length = answer.headers.get("Inference-Header-Content-Length");
  const size = length === null ? bytes.length : Number(length);
  const told = JSON.parse(new TextDecoder().decode(bytes.subarray(0, size)));
  let at = size;
  const outputs = told.outputs.map((tensor) => {
    const count = tensor.parameters?.binary_data_size;
    if (count === undefined) return { ...tensor, values: tensor.data };
    at += count;
    return { ...tensor, values: fromBytes(bytes.subarray(at - count, at), tensor.datatype) };
  });
  return { version: Number(told.model_version), outputs };
}
