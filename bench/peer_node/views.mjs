// views.mjs memory|SOCKET - page views as the drawing of such a service has
// them: express takes one, a counter goes up, and Socket.IO tells everybody.
// The counters are in memory (and gone with the process), or in the Redis that
// listens on SOCKET.  Prints its port.
import { createServer } from "node:http";
import express from "express";
import { createClient } from "redis";
import { Server } from "socket.io";

const where = process.argv[2];

async function counter() {
  if (where === "memory") {
    const counts = new Map();
    return (page) => {
      const count = (counts.get(page) ?? 0) + 1;
      counts.set(page, count);
      return count;
    };
  }
  const redis = createClient({ socket: { path: where } });
  await redis.connect();
  return (page) => redis.incr("page:" + page);
}

const app = express();
const http = createServer(app);
const io = new Server(http, { perMessageDeflate: false });
const count = await counter();

app.disable("x-powered-by");
app.use(express.json());
app.post("/events/pageview", async (request, reply) => {
  const { page } = request.body;
  const told = { page, count: await count(page) };
  io.emit("new_pageview", told);
  reply.status(202).json(told);
});
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
