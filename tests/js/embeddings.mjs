// embeddings.mjs BASE_URL - what OpenAI's own client makes of this server.
// Prints one JSON object; test_embeddings.py looks at it.
import OpenAI, { NotFoundError, BadRequestError } from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "unused" });
const model = "all-MiniLM-L6-v2";
const texts = ["A man is eating food.", "Der Mann isst. \u{1F35C}"];

const caught = async (call) => {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error("the call should have failed");
};

const inBase64 = await client.embeddings.create({ model, input: texts });
const asFloats = await client.embeddings.create({
  model,
  input: texts,
  encoding_format: "float",
});
const missing = await caught(() =>
  client.embeddings.create({ model: "no-such-model", input: "x" }),
);
const wrong = await caught(() =>
  client.embeddings.create({ model, input: texts, dimensions: 256 }),
);
const models = [];
for await (const entry of client.models.list()) models.push(entry.id);
const one = await client.models.retrieve(model);

console.log(
  JSON.stringify({
    base64: inBase64.data.map((item) => Array.from(item.embedding)),
    float: asFloats.data.map((item) => item.embedding),
    usage: asFloats.usage,
    model: asFloats.model,
    missing: missing instanceof NotFoundError && missing.code,
    wrong: wrong instanceof BadRequestError && wrong.param,
    models,
    one: one.id,
  }),
);
