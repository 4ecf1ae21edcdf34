// Counts page views without cookies
(function () {
  var to = new URL("events/pageview", document.currentScript.src),
    from = /^https?:\/\/[^/]+/.exec(document.referrer), last;
  function view() {
    var page = location.pathname;
    if (page == last || !/^http/.test(location.protocol)) return;
    last = page;
    fetch(to, { method: "POST", credentials: "omit", keepalive: true,
      body: JSON.stringify({ page: page,
        referrer: from && from[0] != location.origin ? from[0] : "",
        title: Array.from(document.title).slice(0, 500).join("") })
    }).catch(function () {});
    from = 0;
  }
  function soon() { setTimeout(view); }
  var push = history.pushState;
  history.pushState = function () { push.apply(this, arguments); soon(); };
  addEventListener("popstate", soon);
  addEventListener("pageshow", function (e) { if (e.persisted) last = 0, view(); });
  document.prerendering ? document.addEventListener("prerenderingchange", view) : view();
})();
