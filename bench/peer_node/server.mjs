// server.mjs - the official server, doing what tests/servers/live_server.c does
// under load: what a client says on "all" goes to everybody.  Prints its port.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { perMessageDeflate: false });

io.on("connection", (socket) => {
  socket.on("stats", (answer) => answer(globalThis.gc()));
  socket.on("all", (...args) => io.emit("all", ...args));
});
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
