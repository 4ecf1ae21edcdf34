// socketio.mjs URL polling|websocket|upgrade - what the official Socket.IO
// client makes of this server.  Prints one JSON object; test_live_clients.py
// looks at it.
//
// socketio.mjs URL reconnect - says "ready", and again when it has come back.
import { once } from "node:events";
import { io } from "socket.io-client";

const [url, mode] = process.argv.slice(2);
const transports = { polling: ["polling"], websocket: ["websocket"] }[mode] ?? [
  "polling",
  "websocket",
];
const open = [];

const connect = (nsp = "/", options = {}) => {
  const socket = io(url + nsp, { transports, forceNew: true, ...options });
  open.push(socket);
  return socket;
};

// The next event of that name, as the list of its arguments.
const next = (socket, name) =>
  new Promise((resolve) => socket.once(name, (...args) => resolve(args)));

const connected = async (nsp, options) => {
  const socket = connect(nsp, options);
  const greeting = next(socket, "auth");
  await next(socket, "connect");
  socket.greeting = (await greeting)[0];
  return socket;
};

const bytes = (value) =>
  value instanceof ArrayBuffer || ArrayBuffer.isView(value)
    ? Buffer.from(value).toString("hex")
    : value;

async function reconnect() {
  const socket = connect("/", { reconnectionDelay: 20, reconnectionDelayMax: 50 });
  const ids = [];
  socket.on("connect", () => {
    ids.push(socket.id);
    console.log("ready");
    if (ids.length < 2) return;
    socket.emit("message-with-ack", "back", (answer) => {
      console.log(answer, ids[0] !== ids[1]);
      socket.close();
    });
  });
}

async function scenario() {
  const seen = {};
  const a = await connected("/", { auth: { token: "t" } });
  seen.auth = a.greeting;
  if (mode === "upgrade" && a.io.engine.transport.name !== "websocket")
    await once(a.io.engine, "upgrade");
  seen.transport = a.io.engine.transport.name;

  const back = next(a, "message-back");
  a.emit("message", 1, "\u00e9\u{1F35C}", { three: [true, null] });
  seen.echo = await back;
  seen.ack = await a.timeout(5000).emitWithAck("message-with-ack", "x", 2);

  const binary = next(a, "message-back");
  a.emit("message", Buffer.from([0, 255, 7]), { deep: [new Uint8Array([1])] });
  const [first, second] = await binary;
  seen.binary = [bytes(first), bytes(second.deep[0])];
  seen.binaryAck = bytes(
    await a.emitWithAck("message-with-ack", Buffer.from("abc")),
  );

  a.on("question", (what, answer) => answer(what + "!", Buffer.from([9])));
  const answered = next(a, "answered");
  a.emit("ask", "why");
  const answer = await answered;
  seen.asked = [answer[0], bytes(answer[1])];

  // rooms: b and c are in one, and the sender does not get its own
  const b = await connected();
  const c = await connected();
  for (const socket of [a, b, c]) await socket.emitWithAck("join", "red");
  const got = Promise.all([next(b, "to"), next(c, "to"), next(a, "all")]);
  a.emit("to", "red", "hello", 1);
  b.emit("all", "everybody");
  seen.rooms = await got;

  // many at once, in order
  const many = [];
  const all = new Promise((resolve) =>
    b.on("message-back", (n) => many.push(n) === 500 && resolve()),
  );
  for (let n = 0; n < 500; n++) b.emit("message", n);
  await all;
  seen.inOrder = many.every((n, i) => n === i);

  // 200 kB, which is many frames of the network
  const big = "x".repeat(200000);
  seen.big = (await c.emitWithAck("message-with-ack", big)) === big;

  // namespaces over one connection
  const custom = a.io.socket("/custom", { auth: { who: "me" } });
  const greeting = next(custom, "auth");
  seen.custom = (await greeting)[0];
  const apart = next(custom, "message-back");
  custom.emit("message", "apart");
  seen.apart = await apart;
  const refused = connect("/secret", { auth: { token: "no" } });
  const [why] = await next(refused, "connect_error");
  seen.refused = [why.message, why.data];
  const unknown = connect("/nowhere");
  seen.unknown = (await next(unknown, "connect_error"))[0].message;
  const admitted = connect("/secret", { auth: { token: "abc" } });
  await next(admitted, "connect");

  const kicked = next(b, "disconnect");
  b.emit("kick");
  seen.kicked = (await kicked)[0];
  const closed = next(c, "disconnect");
  c.emit("close");
  seen.closed = (await closed)[0];
  seen.still = await a.emitWithAck("message-with-ack", "here");
  for (const socket of open) socket.close();
  custom.close();
  console.log(JSON.stringify(seen));
}

await (mode === "reconnect" ? reconnect() : scenario());
