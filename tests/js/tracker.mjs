/* tracker.mjs URL - /sheaf.js as a page runs it, with the least of a browser
 * that it needs, and real requests.  Prints the answers, one a line. */
import vm from "node:vm";

const url = process.argv[2] + "/sheaf.js";
const source = await (await fetch(url)).text();
const listeners = {};
const listen = (name, f) => (listeners[name] ??= []).push(f);
let answered;

const page = {
  URL, setTimeout, Array, JSON,
  fetch: async (to, options) => {
    const reply = await fetch(to, options);
    answered({ ...(await reply.json()), type: typeof options.body });
    return reply;
  },
  addEventListener: listen,
  location: { pathname: "/blog/", origin: "https://me.example",
              protocol: "https:" },
  history: { pushState(_, __, path) { page.location.pathname = path; } },
  document: { currentScript: { src: url }, title: "\u{1F35C}".repeat(600),
              referrer: "https://other.example/secret?q=1",
              addEventListener: listen },
};

/* Do it, and print what the server says. */
async function next(act) {
  const reply = new Promise((done) => { answered = done; });
  act();
  console.log(JSON.stringify(await reply));
}

vm.createContext(page);
await next(() => vm.runInContext(source, page));
page.document.title = "Two";
await next(() => page.history.pushState(null, "", "/two"));
await next(() => {
  page.history.pushState(null, "", "/two"); // the same page: nothing is sent
  page.history.pushState(null, "", "/three?x");
  page.location.pathname = "/three";
});
await next(() => {
  page.location.pathname = "/blog/";
  listeners.popstate.forEach((f) => f({}));
});
await next(() => listeners.pageshow.forEach((f) => f({ persisted: true })));
