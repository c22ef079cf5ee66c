// Repaints what is on the page when the stream of events says that something happened: at most four times a second,
// once more whenever the stream was opened (again), and now and then in case it says nothing for long.
(() => {
  const REPAINT_EVERY = 250;
  const LOOK_ANYWAY_EVERY = 20000;

  const changed = new Set();
  let timer = null;
  let busy = false;

  const source = () => document.getElementById("live");

  function everything() {
    const rows = document.querySelectorAll("#rows > tr");
    return source()?.dataset.byCode === undefined ? ["all"] : [...rows].map((row) => row.id);
  }

  function note(codes) {
    codes.forEach((code) => changed.add(code));
    timer ??= setTimeout(repaint, REPAINT_EVERY);
  }

  async function repaint() {
    timer = null;
    const from = source();
    if (!from || busy || !changed.size) return;
    const codes = [...changed];
    changed.clear();
    busy = true;
    const query = from.dataset.byCode === undefined ? "" : `?${codes.map((code) => `code=${code}`).join("&")}`;
    try {
      const target = from.dataset.target ?? "body";
      const swap = from.dataset.target ? "outerMorph" : "none";
      await htmx.ajax("GET", from.dataset.repaint + query, { source: document.getElementById("content"), target, swap });
    } finally {
      busy = false;
      if (changed.size) note([]);
    }
  }

  function say(word) {
    const place = document.getElementById("connection");
    if (!place) return;
    place.textContent = place.dataset[word];
    place.dataset.state = word;
  }

  document.addEventListener("htmx:sse:before:message", (happened) => {
    const { message } = happened.detail;
    if (message.event === "bye") return;
    const code = message.data ? JSON.parse(message.data).code : null;
    if (code) note(source()?.dataset.byCode === undefined ? ["all"] : [code]);
  });
  document.addEventListener("htmx:sse:after:connection", () => {
    say("live");
    note(everything());
  });
  document.addEventListener("htmx:sse:error", () => say("offline"));
  document.addEventListener("htmx:sse:close", () => say("offline"));
  setInterval(() => {
    if (!source() || document.hidden) return;
    htmx.trigger(source(), "look"); // opens the stream, if it could not be opened before
    note(everything());
  }, LOOK_ANYWAY_EVERY);
})();
