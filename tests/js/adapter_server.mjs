// adapter_server.mjs REDIS - the official server with @socket.io/redis-adapter.
// Prints its address once it hears what others publish.
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const redis = createClient({ url: process.argv[2] });
const sub = redis.duplicate();
for (const client of [redis, sub]) client.on("error", () => {});
await Promise.all([redis.connect(), sub.connect()]);
const http = createServer();
const server = new Server(http, { adapter: createAdapter(redis, sub) });
server.on("connection", (socket) => socket.emit("joined", null));
// An answer of its own: what was subscribed to before is heard by now.
await server.of("/").adapter.serverCount();
http.listen(0, "127.0.0.1", () =>
  console.log(`http://127.0.0.1:${http.address().port}`),
);
