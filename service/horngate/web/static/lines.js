// The same request from elsewhere: programs and commands that are filled with this very input, run
// as they are, and give the page's answer.
//
// Small inputs are written out. Where they are large, all kinds read one file, which the page saves:
// the very body that it sends, whose tensors lie where `request` of tensors.js says.

import { request } from "./tensors.js";

export const KINDS = ["curl", "horngate.client", "tensorflow-serving-api", "tritonclient", "grpcurl"];
export const FILE = "horngate-request.bin";
const MOST_BYTES = 48 * 1024;
const WRITTEN_OUT = 2048;

const NUMPY = {
  FP32: "float32", FP64: "float64", FP16: "float16", BOOL: "bool",
  INT8: "int8", INT16: "int16", INT32: "int32", INT64: "int64",
  UINT8: "uint8", UINT16: "uint16", UINT32: "uint32", UINT64: "uint64",
};
const CONTENTS = {
  FP32: "fp32_contents", FP64: "fp64_contents", BOOL: "bool_contents", BYTES: "bytes_contents",
  INT8: "int_contents", INT16: "int_contents", INT32: "int_contents", INT64: "int64_contents",
  UINT8: "uint_contents", UINT16: "uint_contents", UINT32: "uint_contents", UINT64: "uint64_contents",
};

const text = JSON.stringify;
const quoted = (value) => `'${String(value).replaceAll("'", "'\\''")}'`;

function base64(bytes) {
  let letters = "";
  for (let at = 0; at < bytes.length; at += 0x8000) letters += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(letters);
}

const utf8 = (each) => base64(new TextEncoder().encode(each));

// The shortest that reads as the same float.
function shortest(value) {
  for (const digits of [6, 7, 8, 9]) {
    const tried = Number(value.toPrecision(digits));
    if (Math.fround(tried) === value) return String(tried);
  }
  return String(value);
}

const written = (datatype) =>
  /^(FP32|FP16|BF16)$/.test(datatype) ? (value) => shortest(Math.fround(value)) : (value) => String(value);

const list = ({ datatype, values }) => `[${values.map(written(datatype)).join(", ")}]`;
// What Python calls true. A text of JSON is one of Python's too.
const pythons = (tensor) => (tensor.datatype === "BOOL" ? `[${tensor.values.map((each) => (each ? "True" : "False")).join(", ")}]` : list(tensor));
const plainJson = (tensor) => {
  if (tensor.picture) return `[{"b64": ${text(base64(tensor.picture))}}]`;
  return tensor.datatype === "BYTES" ? text(tensor.values) : list(tensor);
};

// Of `told`: {origin, host, grpcPort, tls, token, model, version, signature, tensors}.
export function lineOf(kind, told) {
  const parameters = told.signature === "serving_default" ? {} : { signature_name: told.signature };
  const sent = request(told.tensors, parameters);
  const large = sent.body.length - sent.head > MOST_BYTES;
  const filled = { ...told, parameters, sent, large, address: `${told.host}:${told.grpcPort}` };
  return { code: WRITERS[kind](filled), needsFile: large, body: sent.body };
}

const infer = ({ origin, model, version }) =>
  `${origin}/v2/models/${encodeURIComponent(model)}${version === null ? "" : `/versions/${version}`}/infer`;

function curl(told) {
  const token = told.token ? ` \\\n  -H "Authorization: Bearer $HORNGATE_TOKEN"` : "";
  const start = `curl -s ${quoted(infer(told))}${token} \\\n  `;
  if (told.large) {
    return `${start}-H 'Inference-Header-Content-Length: ${told.sent.head}' \\\n  --data-binary @${FILE} --output answer.bin`;
  }
  const inputs = told.tensors.map((tensor) =>
    `{"name": ${text(tensor.name)}, "datatype": ${text(tensor.datatype)}, "shape": ${text(tensor.shape)}, "data": ${plainJson(tensor)}}`);
  const more = Object.keys(told.parameters).length ? `, "parameters": ${text(told.parameters)}` : "";
  return `${start}--data-binary @- <<'END'\n{"inputs": [${inputs.join(", ")}]${more}}\nEND`;
}

// An expression of Python's for a tensor, and what it needs imported.
function python(told, needs, { brain = "ml_dtypes.bfloat16" } = {}) {
  return told.tensors.map((tensor, index) => {
    const { from, size } = told.sent.places[index];
    const apart = told.large && size > WRITTEN_OUT;
    needs.add("numpy as np");
    if (tensor.picture) {
      if (apart) return `np.array([body[${from + 4}:${from + size}]], object)`;
      needs.add("base64");
      return `np.array([base64.b64decode(${text(base64(tensor.picture))})], object)`;
    }
    const shape = `.reshape(${text(tensor.shape).slice(1, -1) || "()"})`;
    if (tensor.datatype === "BYTES") {
      return `np.array([${tensor.values.map((each) => `${text(each)}.encode()`).join(", ")}], object)${shape}`;
    }
    const halved = tensor.datatype === "BF16";
    if (halved && brain.startsWith("ml_dtypes")) needs.add("ml_dtypes");
    const dtype = halved ? brain : text(NUMPY[tensor.datatype]);
    if (!apart || (halved && brain === '"float32"')) return `np.array(${pythons(tensor)}, ${dtype})${shape}`;
    return `np.frombuffer(body, ${dtype}, ${told.tensors[index].values.length}, ${from})${shape}`;
  });
}

const program = (needs, froms, body) =>
  `${[...[...needs].sort().map((each) => `import ${each}`), ...froms].join("\n")}\n\n${body}`;

const opened = (told) => (told.large ? `with open(${text(FILE)}, "rb") as file:\n    body = file.read()\n` : "");

function ours(told) {
  const needs = new Set();
  const inputs = python(told, needs).map((each, index) => `    ${text(told.tensors[index].name)}: ${each},\n`);
  if (told.token) needs.add("os");
  const options = [told.token && 'token=os.environ["HORNGATE_TOKEN"]', told.tls && "tls=Tls()"].filter(Boolean).map((each) => `, ${each}`).join("");
  const more = `${told.version === null ? "" : `, version=${told.version}`}${told.parameters.signature_name ? `, signature=${text(told.signature)}` : ""}`;
  return program(needs, [`from horngate.client import Client${told.tls ? ", Tls" : ""}`],
    `${opened(told)}inputs = {\n${inputs.join("")}}\nwith Client(${text(told.address)}${options}) as client:\n    outputs = client.predict(${text(told.model)}, inputs${more})\nprint(outputs)`);
}

function theirs(told) {
  const needs = new Set(["grpc", "tensorflow as tf"]);
  const lines = python(told, needs).map((each, index) => `request.inputs[${text(told.tensors[index].name)}].CopyFrom(tf.make_tensor_proto(${each}))\n`);
  if (told.token) needs.add("os");
  const channel = told.tls ? `grpc.secure_channel(${text(told.address)}, grpc.ssl_channel_credentials())` : `grpc.insecure_channel(${text(told.address)})`;
  const metadata = told.token ? ', metadata=[("authorization", "Bearer " + os.environ["HORNGATE_TOKEN"])]' : "";
  return program(needs, ["from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc"],
    `${opened(told)}request = predict_pb2.PredictRequest()\nrequest.model_spec.name = ${text(told.model)}\nrequest.model_spec.signature_name = ${text(told.signature)}\n${told.version === null ? "" : `request.model_spec.version.value = ${told.version}\n`}${lines.join("")}with ${channel} as channel:\n    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)\n    reply = stub.Predict(request, timeout=30${metadata})\noutputs = {name: tf.make_ndarray(each) for name, each in reply.outputs.items()}\nprint(outputs)`);
}

function tritons(told) {
  const needs = new Set(["tritonclient.grpc as triton"]);
  const lines = python(told, needs, { brain: '"float32"' }).map((each, index) => {
    const { name, datatype, shape } = told.tensors[index];
    return `inputs.append(triton.InferInput(${text(name)}, ${text(shape)}, ${text(datatype)}))\ninputs[-1].set_data_from_numpy(${each})\n`;
  });
  if (told.token) needs.add("os");
  const more = [
    told.version !== null && `model_version="${told.version}"`,
    told.parameters.signature_name && `parameters=${text(told.parameters)}`,
    told.token && 'headers={"authorization": "Bearer " + os.environ["HORNGATE_TOKEN"]}',
  ].filter(Boolean).map((each) => `, ${each}`).join("");
  return program(needs, [],
    `${opened(told)}inputs = []\n${lines.join("")}client = triton.InferenceServerClient(${text(told.address)}${told.tls ? ", ssl=True" : ""})\nreply = client.infer(${text(told.model)}, inputs${more})\noutputs = {each.name: reply.as_numpy(each.name) for each in reply.get_response().outputs}\nclient.close()\nprint(outputs)`);
}

function grpcurl(told) {
  const raw = told.large || told.tensors.some((tensor) => !CONTENTS[tensor.datatype]);
  const described = told.tensors.map((tensor) => {
    const head = `"name": ${text(tensor.name)}, "datatype": ${text(tensor.datatype)}, "shape": ${text(tensor.shape)}`;
    if (raw) return `{${head}}`;
    const values = tensor.picture
      ? text([base64(tensor.picture)])
      : tensor.datatype === "BYTES" ? text(tensor.values.map(utf8)) : list(tensor);
    return `{${head}, "contents": {"${CONTENTS[tensor.datatype]}": ${values}}}`;
  });
  const parameters = told.parameters.signature_name ? `"parameters": {"signature_name": {"string_param": ${text(told.signature)}}}, ` : "";
  const version = told.version === null ? "" : `"model_version": "${told.version}", `;
  const head = `{"model_name": ${text(told.model)}, ${version}${parameters}"inputs": [${described.join(", ")}]`;
  const token = told.token ? ` -H "authorization: Bearer $HORNGATE_TOKEN"` : "";
  const call = `grpcurl${told.tls ? "" : " -plaintext"} -max-msg-sz 67108864${token} -d @ ${told.address} inference.GRPCInferenceService/ModelInfer`;
  if (!raw) return `${call} <<'END'\n${head}}\nEND`;
  if (!told.large) {
    const bytes = told.sent.places.map(({ from, size }) => text(base64(told.sent.body.subarray(from, from + size))));
    return `${call} <<'END'\n${head}, "raw_input_contents": [${bytes.join(", ")}]}\nEND`;
  }
  const cut = told.sent.places.map(({ from, size }) => `printf '"'; tail -c +${from + 1} ${FILE} | head -c ${size} | base64 -w 0; printf '"'`).join("; printf ', '; ");
  return `{ cat <<'END'\n${head}, "raw_input_contents": [\nEND\n${cut}; printf ']}'; } |\n${call}`;
}

const WRITERS = {
  curl,
  "horngate.client": ours,
  "tensorflow-serving-api": theirs,
  tritonclient: tritons,
  grpcurl,
};
