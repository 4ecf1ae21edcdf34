// chroma.mjs URL [TOKEN] - Chroma's own client puts questions to any server.
// Prints one JSON object, name: answer; test_chroma_clients.py compares those of
// two servers.  What no two servers can have in common (ids) is left out.
import { AdminClient, ChromaClient } from "chromadb";

const url = new URL(process.argv[2]);
const token = process.argv[3];
const database = "from_javascript";
const address = {
  host: url.hostname,
  port: Number(url.port),
  headers: token && { Authorization: `Bearer ${token}` },
};
const space = { space: "cosine", ef_search: 40 };

const answers = {};
const ask = async (name, call) => {
  try {
    answers[name] = (await call()) ?? null;
  } catch (error) {
    answers[name] = {
      raises: error.name,
      says: error.message.replace(/http:\S+/, "<url>").replace(/ at line.*/, ""),
    };
  }
};
const seen = (collection) => ({
  name: collection.name,
  metadata: collection.metadata ?? null,
  configuration: collection.configuration,
});
const vector = (seed) => [1, 2, 3, 4].map((i) => ((seed * 7 + i * i * 13) % 29) / 16 - 0.9);
const vectors = (count, start = 0) =>
  Array.from({ length: count }, (_, i) => vector(start + i));
const ids = (count, start = 0) =>
  Array.from({ length: count }, (_, i) => `r${start + i}`);

// It warns of what it is told not to do: embed.
console.warn = () => {};

// ---- the server -----------------------------------------------------------------
const admin = new AdminClient(address);
await ask("create database", () =>
  admin.createDatabase({ name: database, tenant: "default_tenant" }),
);
await ask("database again", () =>
  admin.createDatabase({ name: database, tenant: "default_tenant" }),
);
await ask("get database", async () => {
  const { name, tenant } = await admin.getDatabase({
    name: database,
    tenant: "default_tenant",
  });
  return { name, tenant };
});
await ask("no such database", () =>
  admin.getDatabase({ name: "no_such_database", tenant: "default_tenant" }),
);
const client = new ChromaClient({ ...address, database });
await ask("heartbeat", async () => (await client.heartbeat()) > 1e18);
await ask("version", async () => typeof (await client.version()));
await ask("identity", async () => (await client.getUserIdentity()).tenant);
await ask("base64", () => client.supportsBase64Encoding());
await ask("batch", async () => (await client.getMaxBatchSize()) >= 1000);
await ask("reset", () => client.reset());

// ---- collections ------------------------------------------------------------------
const bare = { embeddingFunction: null };
await ask("create", async () =>
  seen(await client.createCollection({ name: "things", ...bare })),
);
await ask("create again", () =>
  client.createCollection({ name: "things", ...bare }),
);
await ask("bad name", () => client.createCollection({ name: "a", ...bare }));
await ask("configured", async () =>
  seen(
    await client.createCollection({
      name: "configured",
      metadata: { about: "angles", n: 1, f: 2.5, yes: true },
      configuration: { hnsw: space },
      ...bare,
    }),
  ),
);
await ask("legacy", async () =>
  seen(
    await client.createCollection({
      name: "legacy",
      metadata: { "hnsw:space": "ip" },
      ...bare,
    }),
  ),
);
await ask("get", async () =>
  seen(await client.getCollection({ name: "configured" })),
);
await ask("get or create", async () =>
  seen(
    await client.getOrCreateCollection({
      name: "configured",
      metadata: { other: 1 },
      ...bare,
    }),
  ),
);
await ask("not there", () => client.getCollection({ name: "no_such" }));
await ask("count", () => client.countCollections());
await ask("list", async () =>
  (await client.listCollections()).map((c) => c.name).sort(),
);
await ask("page", async () =>
  (await client.listCollections({ limit: 2, offset: 2 })).length,
);

// ---- records ------------------------------------------------------------------------
const things = await client.getCollection({ name: "configured" });
await ask("add", () =>
  things.add({
    ids: ids(10),
    embeddings: vectors(10),
    documents: ids(10).map((id) => `text of ${id}`),
    metadatas: ids(10).map((_, n) => ({ n, odd: n % 2 === 1, tags: [`t${n % 3}`, "all"] })),
    uris: ids(10).map((id) => `u:${id}`),
  }),
);
await ask("add twice", () =>
  things.add({ ids: ["r0", "r0"], embeddings: vectors(2) }),
);
await ask("dimension", () =>
  things.add({ ids: ["x"], embeddings: [[1, 2]] }),
);
await ask("records", () => things.count());
await ask("peek", () => things.peek({ limit: 2 }));
await ask("get all", () =>
  things.get({ include: ["documents", "metadatas", "embeddings", "uris"] }),
);
await ask("get some", () => things.get({ ids: ["r7", "r2", "nobody"] }));
await ask("get page", () => things.get({ limit: 3, offset: 4, include: [] }));
await ask("where", () =>
  things.get({ where: { $and: [{ n: { $gt: 2 } }, { odd: true }] } }),
);
await ask("where in array", () =>
  things.get({ where: { tags: { $contains: "t1" } }, include: [] }),
);
await ask("where document", () =>
  things.get({ whereDocument: { $regex: "r[3-5]$" }, include: ["documents"] }),
);
await ask("wrong where", () => things.get({ where: { n: { $wrong: 1 } } }));
await ask("query", () =>
  things.query({ queryEmbeddings: vectors(2, 20), nResults: 3 }),
);
await ask("query rows", async () =>
  (await things.query({ queryEmbeddings: [vector(21)], nResults: 2 })).rows(),
);
await ask("query filtered", () =>
  things.query({
    queryEmbeddings: [vector(20)],
    where: { odd: false },
    whereDocument: { $not_contains: "r4" },
    include: ["distances", "embeddings"],
  }),
);
await ask("query ids", () =>
  things.query({ queryEmbeddings: [vector(20)], ids: ["r1", "r2"], include: [] }),
);
await ask("query dimension", () =>
  things.query({ queryEmbeddings: [[1, 2]] }),
);
await ask("update", () =>
  things.update({ ids: ["r1", "nobody"], metadatas: [{ n: 100 }, { n: 1 }] }),
);
await ask("upsert", () =>
  things.upsert({
    ids: ["r2", "new"],
    embeddings: vectors(2, 30),
    documents: ["changed", "new"],
    metadatas: [{ n: 200 }, { n: 300 }],
  }),
);
await ask("after changes", () => things.get({ ids: ["r1", "r2", "new"] }));
await ask("delete", () => things.delete({ ids: ["r3"] }));
await ask("delete where", () => things.delete({ where: { n: { $lt: 2 } } }));
await ask("left", () => things.get({ include: [] }));
await ask("modify", () =>
  things.modify({ name: "renamed", metadata: { about: "more" } }),
);
await ask("renamed", async () =>
  seen(await client.getCollection({ name: "renamed" })),
);
await ask("remove", () => client.deleteCollection({ name: "renamed" }));
await ask("removed", () => client.deleteCollection({ name: "renamed" }));
await ask("of removed", () => things.count());

console.log(JSON.stringify(answers));
