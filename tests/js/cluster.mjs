// cluster.mjs REDIS URL URL - servers that share a Redis: two of ours (the test
// server of tests/servers), one official one with @socket.io/redis-adapter, and
// @socket.io/redis-emitter.  Prints one JSON object; test_redis.py looks at it.
import { createServer } from "node:http";
import { Emitter } from "@socket.io/redis-emitter";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { io } from "socket.io-client";

const [redisUrl, ...urls] = process.argv.slice(2);
const redis = createClient({ url: redisUrl });
const sub = redis.duplicate();
await Promise.all([redis.connect(), sub.connect()]);

const http = createServer();
const server = new Server(http, {
  adapter: createAdapter(redis, sub, { requestsTimeout: 20000 }),
});
server.on("connection", (socket) => {
  socket.on("join", (room, done) => (socket.join(room), done()));
  socket.on("all", (...args) => server.emit("all", ...args));
  socket.on("to", (room, ...args) => socket.to(room).emit("to", ...args));
});
const serverEvents = [];
server.on("for-servers", (...args) => serverEvents.push(args));
await new Promise((done) => http.listen(0, "127.0.0.1", done));
urls.push(`http://127.0.0.1:${http.address().port}`);

// Everything that a client hears, bytes as text.
const plain = (value) =>
  Buffer.isBuffer(value) || value instanceof ArrayBuffer
    ? "bytes " + Buffer.from(value).toString("hex")
    : Array.isArray(value)
      ? value.map(plain)
      : value && typeof value === "object"
        ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]))
        : value;

// Clients a (first server of ours), b (second), n (Node).
const clients = {};
for (const [i, name] of ["a", "b", "n"].entries()) {
  const socket = io(urls[i], { transports: ["websocket"], forceNew: true });
  const client = { socket, heard: [], waiting: null };
  socket.onAny((...event) => {
    if (event[0] === "auth") return;
    const ack = typeof event.at(-1) === "function" ? event.pop() : null;
    client.heard.push(plain(event));
    ack?.(`${name} heard ${event[1]}`, "not passed on");
    client.waiting?.();
  });
  await new Promise((done) => socket.once("connect", done));
  clients[name] = client;
}
const { a, b, n } = clients;

// Until our servers hear what others publish.
for (const client of [a, b])
  while (!(await client.socket.emitWithAck("stats")).redis)
    await new Promise((done) => setTimeout(done, 10));

const until = async (client, name) => {
  const there = () => client.heard.some((event) => event[0] === name);
  while (!there()) await new Promise((done) => (client.waiting = done));
};

// What each client heard of what act() sends.  At the end everybody is told
// "end" the same way, so that what should not come has had its time to come.
const heardOf = async (act, end) => {
  for (const client of Object.values(clients)) client.heard = [];
  await act();
  await end();
  const seen = {};
  for (const [name, client] of Object.entries(clients)) {
    await until(client, "end");
    seen[name] = client.heard.filter((event) => event[0] !== "end");
  }
  return seen;
};

const emitter = new Emitter(redis);
const endByEmitter = () => emitter.emit("end");
const result = {};

// -- the emitter ---------------------------------------------------------------

result.values = await heardOf(() => {
  emitter.emit("x", 1, -1, 1.5, "\u00e9\u{1F35C}", null, true, {
    deep: [{}, [], 9007199254740991, -2147483649],
  });
  emitter.emit("date", new Date(1732752000123));
  emitter.emit("long", "y".repeat(300), Array(20).fill(0));
}, endByEmitter);
result.binary = await heardOf(() => {
  emitter.emit("x", Buffer.from([0, 255]), { deep: [Buffer.from("abc")] });
  emitter.emit("big", Buffer.alloc(70000, 7));
}, endByEmitter);
result.binary.big = result.binary.a.at(-1)[1].length;
for (const name of Object.keys(clients)) result.binary[name].pop();
await a.socket.emitWithAck("join", "red");
await b.socket.emitWithAck("join", "red");
await b.socket.emitWithAck("join", "7");
await n.socket.emitWithAck("join", "blue");
result.room = await heardOf(() => emitter.to("red").emit("x", 1), endByEmitter);
result.rooms = await heardOf(
  () => emitter.to(["red", "blue", "7"]).emit("x", 2),
  endByEmitter,
);
result.number = await heardOf(() => emitter.to(7).emit("x", 3), endByEmitter);
result.numbers = await heardOf(
  () => emitter.to([7, 8]).emit("x", 4),
  endByEmitter,
);
result.except = await heardOf(
  () => emitter.except("7").except("blue").emit("x", 5),
  endByEmitter,
);
result.roomExcept = await heardOf(
  () => emitter.to("red").except(b.socket.id).emit("x", 6),
  endByEmitter,
);
result.own = await heardOf(
  () => emitter.to(a.socket.id).emit("x", 7),
  endByEmitter,
);
result.volatile = await heardOf(
  () => emitter.volatile.emit("x", 8),
  endByEmitter,
);
result.otherNamespace = await heardOf(
  () => emitter.of("/custom").emit("x", 9),
  endByEmitter,
);
result.swallow = await heardOf(() => emitter.emit("swallow", 10), endByEmitter);
result.serverSideEmit = await heardOf(
  () => emitter.serverSideEmit("for-servers", 11, { a: 1 }),
  endByEmitter,
);
emitter.in("red").socketsJoin(["green", "x"]);
emitter.in("red").except("7").socketsLeave("x");
result.joined = await heardOf(
  () => (emitter.to("green").emit("x", 12), emitter.to("x").emit("x", 13)),
  endByEmitter,
);

// -- ours to all ---------------------------------------------------------------

// The same, but it ends with an event that `client` has its server send.
const relay = async (client, act, how = "all") => {
  for (const c of Object.values(clients)) c.heard = [];
  act();
  client.socket.emit(how, "end-of-all");
  const seen = {};
  for (const [name, c] of Object.entries(clients)) {
    while (!c.heard.some((event) => event[1] === "end-of-all"))
      await new Promise((done) => (c.waiting = done));
    seen[name] = c.heard.filter((event) => event[1] !== "end-of-all");
  }
  return seen;
};
result.ours = await relay(a, () => {
  a.socket.emit("all", 1, -1, 1.5, "\u00e9\u{1F35C}\n", null, { deep: [{}, []] });
  a.socket.emit("all", Buffer.from([1, 2]), { deep: [Buffer.from([])] });
  a.socket.emit("local", "only here");
});
result.oursFromThread = await relay(a, () => {}, "post");
result.oursVolatile = await relay(b, () => b.socket.emit("volatile", "v"));
result.oursToRoom = await relay(b, () => b.socket.emit("to", "green", "hello"));
result.theirs = await relay(n, () => {
  n.socket.emit("all", 1, Buffer.from([3]));
  n.socket.emit("to", "red", "hello");
});

// -- questions -----------------------------------------------------------------

const names = Object.fromEntries(
  Object.entries(clients).map(([name, c]) => [c.socket.id, name]),
);
const sorted = (list) => [...list].map((id) => names[id] ?? id).sort();
const fetched = (await server.fetchSockets()).map((s) => [
  names[s.id],
  sorted(s.rooms),
  s.data,
  typeof s.handshake.headers,
]);
result.fetched = fetched.sort((x, y) => (x[0] < y[0] ? -1 : 1));
result.fetchedIn = sorted(
  (await server.in("red").except("7").fetchSockets()).map((s) => s.id),
);
result.allRooms = sorted(await server.of("/").adapter.allRooms());
result.acks = (await server.timeout(10000).emitWithAck("ask", 14)).sort();
result.serverAck = await new Promise((done) =>
  server.serverSideEmit("for-servers", 15, (err, answers) =>
    done([err && err.message, answers]),
  ),
);
result.serverEvents = serverEvents;
const gone = new Promise((done) => b.socket.once("disconnect", done));
server.in("7").disconnectSockets();
result.disconnected = await gone;
const closed = new Promise((done) => a.socket.once("disconnect", done));
emitter.in("red").disconnectSockets(true);
result.closed = await closed;
result.left = sorted((await server.fetchSockets()).map((s) => s.id));

console.log(JSON.stringify(result));
process.exit(0);
