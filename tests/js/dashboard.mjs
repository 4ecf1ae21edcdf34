// dashboard.mjs URL TRANSPORT [TOKEN] - the official client; prints each event
// as a line of JSON: [name, data], or ["refused", null].
import { io } from "socket.io-client";

const [url, transport, token] = process.argv.slice(2);
const say = (name, data) => console.log(JSON.stringify([name, data]));
const socket = io(url, {
  transports: [transport],
  reconnection: false,
  extraHeaders: token ? { Authorization: `Bearer ${token}` } : {},
});

socket.onAny(say);
socket.on("connect_error", () => say("refused", null));
